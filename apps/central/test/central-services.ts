import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { ChangeDetection } from '../src/source/change-detection/change-detection';
import { SourceWatch } from '../src/source/change-detection/source-watch';
import { SourceDatabase } from '../src/source-database/source-database';
import { CurrentDatasets } from '../src/datasets/current-datasets';
import { DatasetsMetrics } from '../src/datasets/datasets.metrics';
import { AcknowledgementService } from '../src/device-sync/acknowledgement.service';
import { AnswerRequestService } from '../src/device-sync/answer-request.service';
import { DeviceSyncMetrics } from '../src/device-sync/device-sync.metrics';
import { ZlibBlocks } from '../src/device-sync/block-compression';
import { DamagedFrames } from '../src/device-sync/damaged-frames';
import { SyncOutcomes } from '../src/device-sync/sync-outcomes';
import { DeviceTroubles } from '../src/device-sync/device-troubles';
import { EpochService } from '../src/device-sync/epoch.service';
import { PositionCheck } from '../src/device-sync/position-check';
import { PayloadService } from '../src/device-sync/payload.service';
import { RequestLog } from '../src/device-sync/request-log';
import { ManifestService } from '../src/device-sync/manifests/manifest.service';
import { SigningKey } from '../src/signing/signing-key';
import { TablePlanner } from '../src/device-sync/manifests/table-planner';
import { DatasetsOperations } from '../src/operators/datasets-operations.service';
import { DeviceDirectory } from '../src/devices/registry/device-directory';
import { DeviceRegistry } from '../src/devices/registry/device-registry';
import { DeviceTables } from '../src/devices/device-tables';
import { ScopeService } from '../src/source/scope/scope.service';
import { SourceEnv } from '../src/source/source.env';
import { SourceMetrics } from '../src/source/source.metrics';
import { SnapshotCache } from '../src/snapshots/snapshot-cache';
import { SnapshotCurrency } from '../src/snapshots/snapshot-currency';
import { PatchStore } from '../src/snapshots/patches/patch-store';
import { ReadyPatches } from '../src/snapshots/patches/ready-patches';
import { PatchService } from '../src/snapshots/patches/patch.service';
import { ReadScheduler } from '../src/snapshots/queue/read-scheduler';
import { ChangedChunks, type ChangedChunksLimits } from '../src/snapshots/reading/changed-chunks';
import { SnapshotReader } from '../src/snapshots/reading/snapshot-reader';
import { SnapshotService } from '../src/snapshots/snapshot.service';
import { SnapshotsEnv } from '../src/snapshots/snapshots.env';
import { StoreRepair } from '../src/snapshots/store-repair';
import type { CentralFixture } from './central-fixture';

/** A datasets file that central has loaded. */
export class WrittenFile {
  readonly path = join(mkdtempSync(join(tmpdir(), 'rivulet-central-')), 'datasets.yaml');

  constructor(text: string) {
    this.write(text);
  }

  write(text: string): void {
    writeFileSync(this.path, text);
  }

  remove(): void {
    rmSync(join(this.path, '..'), { recursive: true });
  }
}

/** Settings that a test changes from their defaults. */
export interface CentralSettings extends Partial<SourceEnv & SnapshotsEnv> {
  /** Size from which on the keys of changed rows are noted. */
  leastKeyedBytes?: number;
  changedChunks?: Partial<ChangedChunksLimits>;
}

/** Everything behind central's routes, for one datasets file, without Nest. */
export class CentralServices {
  readonly changes: ChangeDetection;
  readonly changedChunks: ChangedChunks;
  readonly watch: SourceWatch;
  readonly operations: DatasetsOperations;
  readonly scopes: ScopeService;
  readonly snapshots: SnapshotService;
  readonly patches: PatchService;
  readonly readyPatches = new ReadyPatches();
  readonly manifests: ManifestService;
  readonly directory: DeviceDirectory;
  readonly registry: DeviceRegistry;
  readonly requests: AnswerRequestService;
  readonly payloads: PayloadService;
  readonly acknowledgements: AcknowledgementService;
  readonly troubles: DeviceTroubles;
  readonly damage: DamagedFrames;
  readonly epochs: EpochService;

  private constructor(
    { central, store, locks, metrics: snapshotsMetrics }: CentralFixture,
    settings: CentralSettings,
    readonly datasets: CurrentDatasets,
    signingKey: SigningKey,
    source: SourceDatabase,
  ) {
    const { changeDetection, pollIntervalMs } = Object.assign(new SourceEnv(), settings);
    const env = Object.assign(new SnapshotsEnv(), settings);
    const sourceMetrics = new SourceMetrics(new Registry());
    const metrics = new DeviceSyncMetrics(new Registry());
    const { leastKeyedBytes, changedChunks } = settings;
    this.changes = new ChangeDetection(source.pool, changeDetection, pollIntervalMs, leastKeyedBytes);
    this.watch = new SourceWatch(datasets, this.changes, sourceMetrics);
    this.operations = new DatasetsOperations(datasets, this.watch, this.changes, source);
    this.scopes = new ScopeService(source, datasets, this.changes, sourceMetrics);
    const currency = new SnapshotCurrency(new SnapshotCache(central), this.changes, snapshotsMetrics);
    const repair = new StoreRepair(central, snapshotsMetrics);
    this.changedChunks = new ChangedChunks(central, store, this.changes);
    Object.assign(this.changedChunks.limits, changedChunks);
    const reader = new SnapshotReader(
      env,
      central,
      store,
      source,
      this.changes,
      currency,
      this.changedChunks,
      this.readyPatches,
      snapshotsMetrics,
    );
    this.snapshots = new SnapshotService(
      source,
      datasets,
      this.changes,
      this.scopes,
      currency,
      new ReadScheduler(env, locks, reader, snapshotsMetrics),
      repair,
      snapshotsMetrics,
    );
    this.patches = new PatchService(central, store, new PatchStore(central, store), this.readyPatches);
    this.manifests = new ManifestService(central, signingKey, new TablePlanner(central, this.patches));
    const tables = new DeviceTables(central);
    this.directory = new DeviceDirectory(tables);
    this.registry = new DeviceRegistry(tables, this.directory);
    const log = new RequestLog(central);
    this.requests = new AnswerRequestService(
      log,
      this.scopes,
      this.snapshots,
      this.manifests,
      new PositionCheck(central),
      datasets,
      this.registry,
      signingKey,
      new SyncOutcomes(),
      metrics,
    );
    this.payloads = new PayloadService(this.manifests, store, new ZlibBlocks(), metrics);
    this.troubles = new DeviceTroubles(metrics);
    this.damage = new DamagedFrames(this.manifests, store, repair);
    this.acknowledgements = new AcknowledgementService(
      central,
      this.manifests,
      this.registry,
      this.troubles,
      this.damage,
      new SyncOutcomes(),
      metrics,
    );
    this.epochs = new EpochService(central);
  }

  /** Loads the text of a datasets file, and looks at the source once, as central does at its start. */
  static async start(
    fixture: CentralFixture,
    text: string,
    settings: CentralSettings = {},
    source = fixture.database.pool,
  ): Promise<CentralServices> {
    const file = new WrittenFile(text);
    try {
      return await CentralServices.load(fixture, file, settings, source);
    } finally {
      file.remove();
    }
  }

  /** Loads a file that stays. */
  static async load(
    fixture: CentralFixture,
    { path }: WrittenFile,
    settings: CentralSettings = {},
    source = fixture.database.pool,
  ): Promise<CentralServices> {
    const database = new SourceDatabase(source, 'localhost:5432/source', source !== fixture.database.pool);
    const datasets = await CurrentDatasets.load(path, database, new DatasetsMetrics(new Registry()));
    const signingKey = await SigningKey.loadOrCreate(fixture.central);
    const services = new CentralServices(fixture, settings, datasets, signingKey, database);
    await services.watch.reconcile();
    return services;
  }
}
