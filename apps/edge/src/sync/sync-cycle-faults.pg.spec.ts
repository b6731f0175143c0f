import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { connect, namedError } from '@rivulet/platform';
import { RivuletError } from '@rivulet/protocol';
import { createTestDatabase, FakeHub, numberedTexts, type TestDatabase } from '@rivulet/testing';
import type { PoolClient } from 'pg';
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

beforeAll(async () => {
  database = await createTestDatabase();
  Logger.overrideLogger(false);
  source = await connect({
    url: database.url,
    urlVariable: 'EDGE_DATABASE_URL',
    applicationName: 'rivulet edge',
    entities: [EdgeSyncState, EdgeSyncTable, EdgeSyncLog],
    migrations: [CreateSyncTables1763683200000],
  });
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

function dependencies(): SyncCycleDependencies {
  return {
    hub,
    state,
    spool,
    macAddress,
    configuredKey: undefined,
    retry: { retries: 2, minDelayMs: 1, maxDelayMs: 2 },
    applyLimits: { statementTimeoutMs: 30_000, lockTimeoutMs: 5_000, idleTimeoutMs: 30_000 },
    now: () => new Date(),
    newId: monotonicFactory(),
    newNonce: () => randomBytes(18).toString('base64url'),
    nameError: namedError,
    onWarning: (message, { code }) => warnings.push(`${code} ${message}`),
  };
}

interface Run {
  overrides?: Partial<SyncCycleDependencies>;
  signal?: AbortSignal;
  progress?: SyncProgress;
}

/** The session of the cycle that runs. */
let lease: DatabaseLease;

async function sync({
  overrides,
  signal = new AbortController().signal,
  progress = idle(),
}: Run = {}): Promise<SyncResult> {
  const cycle = new SyncCycle({ ...dependencies(), ...overrides });
  return withDatabaseLease(source, async (taken) => {
    lease = taken;
    return cycle.run('operator', taken, progress, signal);
  });
}

function idle(): SyncProgress {
  return { phase: 'requesting', rowsDone: 0, rowsTotal: 0, bytesDone: 0, bytesTotal: 0 };
}

/** Everything that must be as before when a cycle fails. */
async function everything(): Promise<unknown> {
  const { rows } = await database.pool.query(`
    SELECT (SELECT json_agg(names ORDER BY id) FROM names) AS names,
           (SELECT json_agg(state) FROM rivulet.edge_sync_state state) AS state,
           (SELECT json_agg(tables ORDER BY name) FROM rivulet.edge_sync_tables tables) AS tables,
           (SELECT json_agg(log ORDER BY id) FROM rivulet.edge_sync_log log WHERE status = 'applied') AS log`);
  return rows[0];
}

async function countApplied(): Promise<number> {
  return (await state.history(100)).filter(({ status }) => status === 'applied').length;
}

/** Several chunks of them. */
function longNames(suffix: string): string[] {
  return Array.from({ length: 200 }, (_, index) => `${index} `.repeat(2_000) + suffix);
}

/** kill -9 would end all sessions; this ends one just as finally. */
async function endSession(): Promise<void> {
  const { processID } = lease.client as PoolClient & { processID: number };
  await database.pool.query('SELECT pg_terminate_backend($1, 5000)', [processID]);
}

const unreachable = new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.');

beforeEach(async () => {
  hub.datasets = [numberedTexts('names', longNames('I'))];
  await sync();
  hub.datasets = [numberedTexts('names', longNames('II'))];
});

/** Does something before the first call of the method, which then goes on. */
function strikeBefore<T extends object>(subject: T, method: keyof T, strike: () => Promise<void>): void {
  const target = subject as Record<keyof T, (...args: unknown[]) => Promise<unknown>>;
  const original = target[method].bind(subject);
  jest.spyOn(target, method as never).mockImplementationOnce((async (...args: unknown[]) => {
    await strike();
    return original(...args);
  }) as never);
}

function spoolPath(): string {
  return join(directory, 'edge.spool');
}

describe('a download', () => {
  it('that breaks off is resumed in the same cycle', async () => {
    const frames = hub.frames.bind(hub);
    jest.spyOn(hub, 'frames').mockImplementationOnce(async function* (manifestId, ranges) {
      for await (const batch of frames(manifestId, ranges)) {
        if (batch[0]!.header.number === 3) throw unreachable;
        yield batch;
      }
    });

    expect(await sync()).toMatchObject({ status: 'applied' });
    expect(hub.fetches.slice(1).map(([range]) => range!.first)).toEqual([0, 3]);
    expect(warnings).toEqual(['CENTRAL_UNREACHABLE Attempt 1 failed, trying again']);
  });

  it('is left to the next cycle when central stays away, which does not begin anew', async () => {
    const frames = hub.frames.bind(hub);
    jest.spyOn(hub, 'frames').mockImplementation(async function* (manifestId, ranges) {
      const { value } = await frames(manifestId, ranges).next();
      if (value) yield value;
      throw unreachable;
    });
    const before = await everything();
    const failed = await sync();
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'CENTRAL_UNREACHABLE' } });
    expect(await everything()).toEqual(before);
    jest.restoreAllMocks();

    const resumed = await sync();

    expect(resumed.status).toBe('applied');
    expect(hub.fetches.at(-1)![0]!.first).toBe(3);
    expect(failed.wireBytes).toBeGreaterThan(0);
  });

  it('that was damaged on the disk since is fetched again, the damaged chunk alone, before a mirror is touched', async () => {
    jest.spyOn(state, 'recordApplied').mockRejectedValueOnce(new RivuletError('MIRROR_BUSY', 'Later.'));
    const failed = await sync();
    const bytes = await readFile(spoolPath());
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await writeFile(spoolPath(), bytes);

    const result = await sync();

    expect(result).toMatchObject({ status: 'applied' });
    const [range, ...others] = hub.fetches.at(-1)!;
    expect(others).toEqual([]);
    expect(range!.last).toBe(range!.first);
    expect(result.wireBytes).toBeLessThan(failed.wireBytes / 2);
  });

  it('for which the disk has no room changes nothing', async () => {
    jest.spyOn(spool, 'append').mockRejectedValueOnce(new RivuletError('DISK_FULL', 'It became full.'));
    const before = await everything();

    expect(await sync()).toMatchObject({ status: 'failed', error: { code: 'DISK_FULL' } });
    expect(await everything()).toEqual(before);
    expect(await sync()).toMatchObject({ status: 'applied' });
  });
});

describe('a database session that ends', () => {
  it.each([
    ['while rows are written', () => strikeBefore(spool, 'read', endSession)],
    ['before the commit', () => strikeBefore(state, 'recordApplied', endSession)],
  ])('%s leaves the old rows, and the next cycle succeeds', async (_, strike) => {
    const before = await everything();
    strike();

    expect(await sync()).toMatchObject({ status: 'failed', error: { code: 'DATABASE_UNAVAILABLE' } });

    expect(await everything()).toEqual(before);
    expect(await sync()).toMatchObject({ status: 'applied', acknowledged: true, wireBytes: 0 });
    expect(await countApplied()).toBe(2);
  });

  it('after the commit and before its answer has applied the manifest, and central is told so', async () => {
    strikeBefore(state, 'recordApplied', async () => {
      const client = lease.client as unknown as Record<'query', (...args: unknown[]) => Promise<unknown>>;
      const query = client.query.bind(client);
      jest.spyOn(client, 'query').mockImplementation(async (...args) => {
        const answer = await query(...args);
        if (args[0] === 'COMMIT') throw new Error('Connection terminated unexpectedly');
        return answer;
      });
    });

    expect(await sync()).toMatchObject({ status: 'applied', acknowledged: true });

    expect(hub.acknowledgements.map(({ status }) => status)).toEqual(['applied', 'applied']);
    expect(await countApplied()).toBe(2);
    jest.restoreAllMocks();
    expect(await sync()).toMatchObject({ status: 'current' });
  });
});

describe('a cycle that is told to stop', () => {
  const reason = new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.');

  it.each(['applying', 'verifying'] as const)('while %s rolls back and tells nobody', async (phase) => {
    const before = await everything();
    const stopping = new AbortController();
    const progress = new Proxy(idle(), {
      set(target, name, value) {
        if (value === phase) stopping.abort(reason);
        return Reflect.set(target, name, value);
      },
    });

    const result = await sync({ signal: stopping.signal, progress });

    expect(result).toMatchObject({ status: 'failed', acknowledged: false, error: { code: 'SHUTTING_DOWN' } });
    expect(await everything()).toEqual(before);
    expect(hub.acknowledgements).toHaveLength(1);
    expect(await sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
  });
});
