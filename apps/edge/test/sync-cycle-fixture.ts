import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { connect, namedError, type DatabaseModuleOptions } from '@rivulet/platform';
import type { TransactionOptions } from '@rivulet/postgres';
import { createTestDatabase, FakeHub, type TestDatabase } from '@rivulet/testing';
import type { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import { CreateSyncTables1763683200000 } from '../../../db/edge/migrations/1763683200000-create-sync-tables';
import { SpoolFile } from '../src/spool/spool-file';
import { EdgeSyncLog } from '../src/state/edge-sync-log.entity';
import { EdgeSyncState } from '../src/state/edge-sync-state.entity';
import { EdgeSyncTable } from '../src/state/edge-sync-table.entity';
import { SyncState } from '../src/state/sync-state';
import { withDatabaseLease, type DatabaseLease } from '../src/sync/database-lease';
import { SyncCycle, type SyncCycleDependencies } from '../src/sync/sync-cycle';
import type { SyncProgress, SyncResult } from '../src/sync/sync-result';

/** The device that all of them are. */
export const macAddress = '48:b0:2d:e9:c3:b7';

/** What is to be different from an ordinary cycle. */
export interface CycleOptions extends Partial<SyncCycleDependencies> {
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
  /** May be changed; it is anew in every test. */
  applyLimits: TransactionOptions;
  /** The session of the cycle that began last. */
  lease: DatabaseLease;
  private directory: string;

  async open(): Promise<void> {
    this.database = await createTestDatabase();
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
    this.hub = await FakeHub.create(macAddress);
    this.spool = await SpoolFile.open(this.spoolPath);
    await this.spool.clear();
  }

  async end(): Promise<void> {
    jest.restoreAllMocks();
    await this.spool.close();
    await this.database.pool.query(`
      DROP SCHEMA public CASCADE; CREATE SCHEMA public;
      TRUNCATE rivulet.edge_sync_state, rivulet.edge_sync_tables, rivulet.edge_sync_log`);
  }

  /** Connects as the edge does; what is connected once more is the caller's to destroy. */
  async connect(options: Partial<DatabaseModuleOptions> = {}): Promise<DataSource> {
    return connect({
      url: this.database.url,
      urlVariable: 'EDGE_DATABASE_URL',
      applicationName: 'rivulet edge',
      entities: [EdgeSyncState, EdgeSyncTable, EdgeSyncLog],
      migrations: [CreateSyncTables1763683200000],
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
    const { signal = new AbortController().signal, progress = idleProgress(), ...overrides } = options;
    this.lease = lease;
    const cycle = new SyncCycle({ ...this.dependencies(), ...overrides });
    return cycle.run('operator', lease, progress, signal);
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
      configuredKey: undefined,
      retry: { retries: 2, minDelayMs: 1, maxDelayMs: 2 },
      applyLimits: this.applyLimits,
      now: () => new Date(),
      newId: monotonicFactory(),
      newNonce: () => randomBytes(18).toString('base64url'),
      nameError: namedError,
      onWarning: (message, { code }) => this.warnings.push(`${code} ${message}`),
    };
  }
}

/** That of a cycle that has not begun. */
export function idleProgress(): SyncProgress {
  return { phase: 'requesting', rowsDone: 0, rowsTotal: 0, bytesDone: 0, bytesTotal: 0 };
}
