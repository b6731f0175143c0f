import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { connect, namedError, type ConnectOptions } from '@rivulet/platform';
import type { TransactionOptions } from '@rivulet/postgres';
import {
  createTestDatabase,
  FakeHub,
  numberedTexts,
  type FakeDataset,
  type TestDatabase,
} from '@rivulet/testing';
import type { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import { describeDeviations } from '../src/mirrors/describe-deviations';
import type { ApplyMode } from '../src/mirrors/plan-tables';
import type { VerifyMode } from '../src/mirrors/prove-table';
import { Scrub, type ScrubRun } from '../src/scrub/scrub';
import { SpoolFile } from '../src/spool/spool-file';
import { withDatabaseLease, type DatabaseLease } from '../src/state/database-lease';
import { ScrubLog } from '../src/state/scrub-log';
import type { ScrubResult } from '../src/state/scrub-result';
import { StateModule } from '../src/state/state.module';
import { initialProgress, type SyncProgress } from '../src/state/sync-progress';
import type { SyncResult, SyncTrigger } from '../src/state/sync-result';
import { SyncState } from '../src/state/sync-state';
import type { SyncCycleDependencies } from '../src/sync/cycle/cycle-context';
import { SyncCycle } from '../src/sync/cycle/sync-cycle';

/** The device that all of them are. */
export const macAddress = '48:b0:2d:e9:c3:b7';

/** The differences from an ordinary cycle. */
export interface CycleOptions extends Partial<SyncCycleDependencies> {
  trigger?: SyncTrigger;
  confirmDeletes?: boolean;
  signal?: AbortSignal;
  progress?: SyncProgress;
}

/**
 * Registers the hooks that give a spec its edge. Call it at the top, before hooks that use the edge:
 * the database is one for the file, and every test begins with no state, no mirror, an empty spool and a new hub.
 */
export function setUpSyncCycles(): SyncCycleFixture {
  const fixture = new SyncCycleFixture();
  beforeAll(() => fixture.open());
  beforeEach(() => fixture.begin());
  afterEach(() => fixture.end());
  afterAll(() => fixture.close());
  return fixture;
}

/** Real cycles of one edge, with a real database and a real spool, against a fake hub. */
export class SyncCycleFixture {
  /** For looking on: its pool is not the edge's. */
  database: TestDatabase;
  /** The edge's own connections, named "rivulet edge". */
  source: DataSource;
  state: SyncState;
  spoolPath: string;
  spool: SpoolFile;
  hub: FakeHub;
  /** Code and message of each warning of this test. */
  warnings: string[];
  /** These three may be changed; every test starts with new ones. */
  applyLimits: TransactionOptions;
  applyMode: ApplyMode;
  verify: VerifyMode;
  /** The session of the cycle that began last. */
  lease: DatabaseLease;
  /** Done after the test, whatever became of it. */
  readonly cleanUps: (() => Promise<unknown>)[] = [];
  private directory: string;

  /** @param server of its database; that of the test run unless given */
  async open(server?: string): Promise<void> {
    this.database = await createTestDatabase(undefined, server);
    Logger.overrideLogger(false);
    this.source = await this.connect();
    this.state = new SyncState(this.source);
    this.directory = await mkdtemp(join(tmpdir(), 'rivulet-edge-'));
    this.spoolPath = join(this.directory, 'edge.spool');
  }

  async close(): Promise<void> {
    await this.source.destroy();
    await this.database.drop();
    await rm(this.directory, { recursive: true });
  }

  async begin(): Promise<void> {
    this.warnings = [];
    this.applyLimits = { statementTimeoutMs: 30_000, lockTimeoutMs: 5_000, idleTimeoutMs: 30_000 };
    this.applyMode = 'auto';
    this.verify = 'touched';
    this.hub = await FakeHub.create(macAddress);
    this.spool = await SpoolFile.open(this.spoolPath);
    await this.spool.clear();
  }

  async end(): Promise<void> {
    jest.restoreAllMocks();
    for (const cleanUp of this.cleanUps.splice(0)) await cleanUp();
    await this.spool.close();
    await this.database.pool.query(`
      DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS plant CASCADE;
      TRUNCATE rivulet.edge_sync_state, rivulet.edge_sync_tables, rivulet.edge_mirror_chunks, rivulet.edge_sync_log,
        rivulet.edge_scrub_log`);
  }

  /** Connects as the edge does; what is connected once more is the caller's to destroy. */
  async connect(options: Partial<ConnectOptions> = {}): Promise<DataSource> {
    return connect({
      url: this.database.url,
      urlVariable: 'EDGE_DATABASE_URL',
      applicationName: 'rivulet edge',
      entities: StateModule.entities,
      migrations: StateModule.migrations,
      ...options,
    });
  }

  /**
   * One cycle, under a lease of its own.
   *
   * @throws RivuletError SYNC_IN_PROGRESS while another has the lease; a failure of the cycle is a result
   */
  async sync(options: CycleOptions = {}): Promise<SyncResult> {
    return withDatabaseLease(this.source, (lease) => this.runUnder(lease, options));
  }

  /** One cycle, under a lease that the caller has taken. */
  async runUnder(lease: DatabaseLease, options: CycleOptions = {}): Promise<SyncResult> {
    const {
      trigger = 'operator',
      confirmDeletes = false,
      signal = neverAborted(),
      progress = initialProgress(),
      ...overrides
    } = options;
    this.lease = lease;
    const cycle = new SyncCycle({ ...this.dependencies(), ...overrides });
    return cycle.run({ trigger, confirmDeletes }, lease, progress, signal);
  }

  /** One scrub, without a service. */
  async scrub(options: Partial<ScrubRun> = {}): Promise<ScrubResult> {
    const scrub = new Scrub({
      database: this.source,
      state: this.state,
      log: new ScrubLog(this.source),
      limits: this.applyLimits,
      settled: () => Promise.resolve(),
      syncAfter: (prepare) =>
        withDatabaseLease(this.source, async (lease) => {
          await prepare(lease);
          return this.runUnder(lease, { trigger: 'repair' });
        }),
      now: () => new Date(),
      newId: monotonicFactory(),
      nameError: namedError,
    });
    return scrub.run({
      trigger: 'operator',
      repair: true,
      progress: initialProgress(),
      signal: neverAborted(),
      onDeviation: (inspection) => this.warnings.push(describeDeviations(inspection)),
      ...options,
    });
  }

  /** Runs a query, as somebody else on the device. */
  async select<T extends object>(query: string): Promise<T[]> {
    return (await this.database.pool.query<T>(query)).rows;
  }

  /** Everything that must be as before when nothing is applied: mirrors, what is known of them, and what was applied. */
  async everything(...mirrors: string[]): Promise<unknown> {
    const contents = mirrors.map((name) => `(SELECT json_agg(${name} ORDER BY id) FROM ${name}) AS ${name}`);
    return this.select(`
      SELECT ${contents.map((content) => `${content},`).join('\n')}
        (SELECT json_agg(state) FROM rivulet.edge_sync_state state) AS state,
        (SELECT json_agg(tables ORDER BY name) FROM rivulet.edge_sync_tables tables) AS tables,
        (SELECT json_agg(chunks ORDER BY name, position) FROM rivulet.edge_mirror_chunks chunks) AS chunks,
        (SELECT json_agg(log ORDER BY id) FROM rivulet.edge_sync_log log WHERE status = 'applied') AS log`);
  }

  /** How many manifests the log says were applied. */
  async countApplied(): Promise<number> {
    return (await this.state.history(100)).filter(({ status }) => status === 'applied').length;
  }

  private dependencies(): SyncCycleDependencies {
    return {
      hub: this.hub,
      state: this.state,
      spool: this.spool,
      macAddress,
      pinnedKey: () => undefined,
      retry: { retries: 2, minDelayMs: 1, maxDelayMs: 2 },
      applyLimits: this.applyLimits,
      applyMode: this.applyMode,
      verify: this.verify,
      now: () => new Date(),
      newId: monotonicFactory(),
      newNonce: () => randomBytes(18).toString('base64url'),
      nameError: namedError,
      onWarning: (message, { code }) => this.warnings.push(`${code} ${message}`),
    };
  }
}

function neverAborted(): AbortSignal {
  return new AbortController().signal;
}

/** Rows of `longNames`. */
export const LONG_NAMES = 600;

/** A dataset whose rows have about 2 KB each, so that there are some twenty chunks of them. */
export function longNames(): FakeDataset {
  const texts = Array.from({ length: LONG_NAMES }, (_, index) => `name ${index} `.repeat(200));
  return numberedTexts('names', texts);
}
