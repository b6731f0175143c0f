import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { connect, namedError, type DatabaseModuleOptions } from '@rivulet/platform';
import { createTestDatabase, FakeHub, numberedTexts, type TestDatabase } from '@rivulet/testing';
import type { ClientBase, Pool, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import { CreateSyncTables1763683200000 } from '../../../../db/edge/migrations/1763683200000-create-sync-tables';
import { SpoolFile } from '../spool/spool-file';
import { EdgeSyncLog } from '../state/edge-sync-log.entity';
import { EdgeSyncState } from '../state/edge-sync-state.entity';
import { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { SyncState } from '../state/sync-state';
import { withDatabaseLease, type DatabaseLease } from './database-lease';
import { SyncCycle, type SyncCycleDependencies } from './sync-cycle';
import type { SyncProgress, SyncResult } from './sync-result';

const macAddress = '48:b0:2d:e9:c3:b7';

let database: TestDatabase;
let source: DataSource;
let state: SyncState;
let directory: string;
let spool: SpoolFile;
let hub: FakeHub;
let warnings: string[];
let lockTimeoutMs: number;

beforeAll(async () => {
  database = await createTestDatabase();
  Logger.overrideLogger(false);
  source = await connect(options());
  state = new SyncState(source);
  directory = await mkdtemp(join(tmpdir(), 'rivulet-edge-'));
});
afterAll(async () => {
  await source.destroy();
  await database.drop();
  await rm(directory, { recursive: true });
});
beforeEach(async () => {
  warnings = [];
  lockTimeoutMs = 10_000;
  hub = await FakeHub.create(macAddress);
  spool = await SpoolFile.open(join(directory, 'edge.spool'));
  await spool.clear();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await spool.close();
  await database.pool.query(`
    DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    TRUNCATE rivulet.edge_sync_state, rivulet.edge_sync_tables, rivulet.edge_sync_log`);
});

function options(): DatabaseModuleOptions {
  return {
    url: database.url,
    urlVariable: 'EDGE_DATABASE_URL',
    applicationName: 'rivulet edge',
    entities: [EdgeSyncState, EdgeSyncTable, EdgeSyncLog],
    migrations: [CreateSyncTables1763683200000],
  };
}

function dependencies(): SyncCycleDependencies {
  return {
    hub,
    state,
    spool,
    macAddress,
    configuredKey: undefined,
    retry: { retries: 2, minDelayMs: 1, maxDelayMs: 2 },
    applyLimits: { statementTimeoutMs: 30_000, lockTimeoutMs, idleTimeoutMs: 30_000 },
    now: () => new Date(),
    newId: monotonicFactory(),
    newNonce: () => randomBytes(18).toString('base64url'),
    nameError: namedError,
    onWarning: (message, { code }) => warnings.push(`${code} ${message}`),
  };
}

function sync(): Promise<SyncResult> {
  return withDatabaseLease(source, runUnder);
}

function runUnder(lease: DatabaseLease): Promise<SyncResult> {
  const cycle = new SyncCycle(dependencies());
  const progress: SyncProgress = {
    phase: 'requesting',
    rowsDone: 0,
    rowsTotal: 0,
    bytesDone: 0,
    bytesTotal: 0,
  };
  const { signal } = new AbortController();
  return cycle.run('operator', lease, progress, signal);
}

/** Two tables whose every row says which version it is of. */
function publish(version: number): void {
  const texts = Array.from({ length: 500 }, () => `v${version}`);
  hub.datasets = [numberedTexts('names', texts), numberedTexts('areas', texts.slice(0, 50))];
}

async function withReader<T>(read: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  try {
    return await read(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** What a table looks like: how many rows of which versions. */
async function look(client: ClientBase | Pool, table: string): Promise<string> {
  const { rows } = await client.query<{ seen: string }>(
    `SELECT count(*) || ' of ' || coalesce(string_agg(DISTINCT label, ' and '), 'nothing') AS seen FROM ${table}`,
  );
  return rows[0]!.seen;
}

async function untilTheCycleWaits(): Promise<void> {
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'rivulet edge' AND wait_event_type = 'Lock'`;
  while ((await database.pool.query(waiting)).rowCount === 0) await sleep(10);
}

beforeEach(async () => {
  publish(1);
  await sync();
  publish(2);
});

describe('a reader of several mirrors', () => {
  it.each(['READ COMMITTED', 'REPEATABLE READ'])(
    'in a %s transaction sees one manifest, whole, whenever it reads',
    async (isolation) => {
      const seen = new Set<string>();
      const synced = new AbortController();
      const reading = withReader(async (client) => {
        while (!synced.signal.aborted) {
          await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
          const names = await look(client, 'names');
          await sleep(2);
          seen.add(`${names}, ${await look(client, 'areas')}`);
          await client.query('COMMIT');
          await sleep(1);
        }
      });
      for (let version = 2; version <= 12; version++) {
        publish(version);
        expect(await sync()).toMatchObject({ status: 'applied' });
      }
      synced.abort();
      await reading;

      const versions = Array.from({ length: 12 }, (_, index) => index + 1);
      const whole = new Set(versions.map((version) => `500 of v${version}, 50 of v${version}`));
      expect([...seen].filter((sight) => !whole.has(sight))).toEqual([]);
      expect(seen.size).toBeGreaterThan(2);
    },
  );

  it('with one query sees one manifest, whole, also while it waits for the cycle', async () => {
    const joined = `SELECT count(*) AS rows, count(DISTINCT label) AS versions FROM names JOIN areas USING (id, label)`;
    const sights: unknown[] = [];
    const synced = new AbortController();
    const reading = (async () => {
      while (!synced.signal.aborted) sights.push(...(await database.pool.query(joined)).rows);
    })();
    for (let version = 2; version <= 8; version++) {
      publish(version);
      await sync();
    }
    synced.abort();
    await reading;

    expect(sights.length).toBeGreaterThan(2);
    expect(sights.filter((sight) => JSON.stringify(sight) !== '{"rows":"50","versions":"1"}')).toEqual([]);
  });

  it.each([
    ['loaded', () => publish(2)],
    [
      'rebuilt',
      () => {
        publish(2);
        for (const dataset of hub.datasets) {
          dataset.columns = [...dataset.columns, { name: 'note', type: 'text' }];
          dataset.rows = dataset.rows.map((row) => [...row, 'x']);
        }
      },
    ],
  ])('whose snapshot is older than mirrors that were %s finds no empty table', async (_, change) => {
    change();
    await withReader(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await client.query('SELECT count(*) FROM rivulet.edge_sync_log');
      expect(await sync()).toMatchObject({ status: 'applied' });

      expect([await look(client, 'names'), await look(client, 'areas')]).toEqual(['500 of v2', '50 of v2']);
    });
  });
});

describe('a reader that holds a mirror', () => {
  it('makes the cycle give up after the lock timeout, and keeps what it reads', async () => {
    lockTimeoutMs = 100;
    await withReader(async (client) => {
      await client.query('BEGIN');
      await look(client, 'areas');

      expect(await sync()).toMatchObject({ status: 'failed', error: { code: 'MIRROR_BUSY' } });

      expect(await look(database.pool, 'names')).toBe('500 of v1');
      expect(await look(client, 'areas')).toBe('50 of v1');
    });
    expect(await sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
  });

  it('is waited for within the lock timeout', async () => {
    const cycle = await withReader(async (client) => {
      await client.query('BEGIN');
      await look(client, 'areas');
      const running = sync();
      await untilTheCycleWaits();
      return { running };
    });

    expect(await cycle.running).toMatchObject({ status: 'applied' });
  });

  it('and then wants another that the cycle has, is not what is ended', async () => {
    const running = await withReader(async (client) => {
      // PostgreSQL ends the session that notices the deadlock: let it not be the reader.
      await client.query(`BEGIN; SET LOCAL deadlock_timeout = '1min'`);
      await look(client, 'areas');
      const cycle = sync();
      await untilTheCycleWaits();
      expect(await look(client, 'names')).toBe('500 of v1');
      return { cycle };
    });

    expect(await running.cycle).toMatchObject({ status: 'failed', error: { code: 'MIRROR_BUSY' } });
    expect(await sync()).toMatchObject({ status: 'applied' });
  });
});

describe('the lease of a database', () => {
  it('is given to one cycle at a time, whatever process asks', async () => {
    const other = await connect({ ...options(), poolSize: 2 });
    try {
      await withDatabaseLease(other, async () => {
        await expect(sync()).rejects.toMatchObject({ code: 'SYNC_IN_PROGRESS' });
      });
      expect(await sync()).toMatchObject({ status: 'applied' });
    } finally {
      await other.destroy();
    }
  });

  it('is given back when the work fails', async () => {
    await expect(withDatabaseLease(source, () => Promise.reject(new Error('no')))).rejects.toThrow('no');

    expect(await sync()).toMatchObject({ status: 'applied' });
  });

  it('ends with its session, and a cycle that has lost it applies nothing', async () => {
    const result = await withDatabaseLease(source, async (lease) => {
      const { processID } = lease.client as PoolClient & { processID: number };
      await database.pool.query('SELECT pg_terminate_backend($1, 5000)', [processID]);
      await withDatabaseLease(source, runUnder);
      publish(3);
      return runUnder(lease);
    });

    expect(result).toMatchObject({ status: 'failed', error: { code: 'DATABASE_UNAVAILABLE' } });
    expect(await look(database.pool, 'names')).toBe('500 of v2');
    expect(await sync()).toMatchObject({ status: 'applied' });
  });

  it('leaves neither a lock nor a transaction behind', async () => {
    await sync();
    const { rows } = await database.pool.query(`
      SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = oid) AS locks,
             (SELECT count(*) FROM pg_stat_activity
              WHERE datid = oid AND application_name = 'rivulet edge' AND state <> 'idle') AS busy
      FROM pg_database WHERE datname = current_database()`);

    expect(rows).toEqual([{ locks: '0', busy: '0' }]);
  });
});
