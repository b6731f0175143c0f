import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CentralEnv } from '../src/central-env';
import { ChangeDetection } from '../src/changes/change-detection';
import { SourceWatch } from '../src/changes/source-watch';
import { SourceDatabase } from '../src/database/source-database';
import { DatasetCatalogue } from '../src/datasets/dataset-catalogue';
import { AcknowledgementService } from '../src/device-sync/acknowledgement.service';
import { AnswerRequestService } from '../src/device-sync/answer-request.service';
import { PayloadService } from '../src/device-sync/payload.service';
import { RequestLog } from '../src/device-sync/request-log';
import { ManifestService } from '../src/manifests/manifest.service';
import { SigningKey } from '../src/manifests/signing-key';
import { TablePlanner } from '../src/manifests/table-planner';
import { ScopeService } from '../src/scope/scope.service';
import { SnapshotCache } from '../src/snapshots/snapshot-cache';
import { SnapshotPatches } from '../src/snapshots/snapshot-patches';
import { SnapshotService } from '../src/snapshots/snapshot.service';
import type { CentralFixture } from './central-fixture';

/** Everything behind central's routes, for one datasets file, without Nest. */
export class CentralServices {
  readonly changes: ChangeDetection;
  readonly watch: SourceWatch;
  readonly scopes: ScopeService;
  readonly snapshots: SnapshotService;
  readonly patches: SnapshotPatches;
  readonly manifests: ManifestService;
  readonly requests: AnswerRequestService;
  readonly payloads: PayloadService;
  readonly acknowledgements: AcknowledgementService;

  private constructor(
    { central, store, database }: CentralFixture,
    readonly env: CentralEnv,
    readonly catalogue: DatasetCatalogue,
    signingKey: SigningKey,
  ) {
    const source = new SourceDatabase(database.pool);
    this.changes = new ChangeDetection(database.pool, env.changeDetection, env.pollIntervalMs);
    this.watch = new SourceWatch(catalogue, this.changes);
    this.scopes = new ScopeService(source, catalogue, this.changes);
    const cache = new SnapshotCache(central);
    this.snapshots = new SnapshotService(
      env,
      central,
      store,
      source,
      catalogue,
      this.changes,
      this.scopes,
      cache,
    );
    this.patches = new SnapshotPatches(central, store);
    this.manifests = new ManifestService(central, signingKey, new TablePlanner(central, this.patches));
    const log = new RequestLog(central);
    this.requests = new AnswerRequestService(log, this.snapshots, this.manifests, catalogue);
    this.payloads = new PayloadService(this.manifests, store);
    this.acknowledgements = new AcknowledgementService(central, this.manifests);
  }

  /** Loads the text of a datasets file, and looks at the source once, as central does at its start. */
  static async start(
    fixture: CentralFixture,
    datasetsFile: string,
    settings: Partial<CentralEnv> = {},
  ): Promise<CentralServices> {
    const folder = mkdtempSync(join(tmpdir(), 'rivulet-central-'));
    const path = join(folder, 'datasets.yaml');
    writeFileSync(path, datasetsFile);
    try {
      const catalogue = await DatasetCatalogue.load(path, fixture.database.pool);
      const env = Object.assign(new CentralEnv(), settings);
      const signingKey = await SigningKey.loadOrCreate(fixture.central);
      const services = new CentralServices(fixture, env, catalogue, signingKey);
      await services.watch.reconcile();
      return services;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}
