import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { connect, namedError } from '@rivulet/platform';
import { createTestDatabase, FakeHub, numberedTexts, type TestDatabase } from '@rivulet/testing';
import type { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import { CreateSyncTables1763683200000 } from '../../../../db/edge/migrations/1763683200000-create-sync-tables';
import { SpoolFile } from '../spool/spool-file';
import { EdgeSyncLog } from '../state/edge-sync-log.entity';
import { EdgeSyncState } from '../state/edge-sync-state.entity';
import { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { SyncState } from '../state/sync-state';
import { withDatabaseLease } from './database-lease';
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

async function sync(overrides: Partial<SyncCycleDependencies> = {}): Promise<SyncResult> {
  const cycle = new SyncCycle({ ...dependencies(), ...overrides });
  const progress: SyncProgress = {
    phase: 'requesting',
    rowsDone: 0,
    rowsTotal: 0,
    bytesDone: 0,
    bytesTotal: 0,
  };
  const { signal } = new AbortController();
  return withDatabaseLease(source, (lease) => cycle.run('operator', lease, progress, signal));
}

async function select(query: string): Promise<unknown[]> {
  return (await database.pool.query(query)).rows;
}

async function labelsOf(table: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ label: string }>(`SELECT label FROM ${table} ORDER BY id`);
  return rows.map(({ label }) => label);
}

describe('the first sync', () => {
  it('makes the mirrors, fills and proves them, and tells central', async () => {
    const many = Array.from({ length: 5_000 }, (_, index) => `name number ${index}, at some length`);
    hub.datasets = [numberedTexts('names', many), numberedTexts('none', [])];

    const result = await sync();

    const [names, none] = result.tables;
    expect(result).toMatchObject({ status: 'applied', acknowledged: true, epoch: 1, sequence: 1 });
    expect(names).toMatchObject({ name: 'names', action: 'created', rows: 5_000 });
    expect(none).toMatchObject({ name: 'none', action: 'created', rows: 0, bytes: 0 });
    expect(await labelsOf('names')).toEqual(many);
    expect(await labelsOf('none')).toEqual([]);
    expect(hub.acknowledgements).toEqual([
      {
        manifestId: result.manifestId,
        status: 'applied',
        cycleId: result.cycleId,
        finishedAt: expect.any(String) as string,
        durationMs: expect.any(Number) as number,
        tables: [
          { name: 'names', rows: 5_000, checksum: names!.checksum },
          { name: 'none', rows: 0, checksum: none!.checksum },
        ],
      },
    ]);
    expect(warnings).toEqual([]);
  });

  it('leaves its story in the log and nothing in the spool', async () => {
    hub.datasets = [numberedTexts('names', ['Ada'])];
    const result = await sync();

    const [entry] = await state.history(10);
    const { durations, finishedAt, ...same } = result;
    expect(entry).toMatchObject(same);
    expect(Object.keys(entry!.durations).toSorted()).toEqual(Object.keys(durations).toSorted());
    expect(Date.parse(entry!.finishedAt)).toBeLessThanOrEqual(Date.parse(finishedAt));
    expect(await state.lastConfirmedAt()).toEqual(new Date(entry!.finishedAt));
    expect(spool.bytes).toBe(0);
  });
});

describe('a later sync', () => {
  beforeEach(async () => {
    hub.datasets = [numberedTexts('names', ['Ada', 'Grace']), numberedTexts('areas', ['Lobby'])];
    await sync();
  });

  it('says what this device has, and is current when that is what it should have', async () => {
    const first = await state.read();
    const result = await sync();

    expect(hub.requests[1]).toMatchObject({
      lastManifestId: first!.manifestId,
      schemaVersion: first!.schemaVersion,
      tables: (await state.tables()).map(({ name, fingerprint, checksum }) => ({
        name,
        fingerprint,
        checksum,
      })),
    });
    expect(hub.requests[1]!.nonce).not.toBe(hub.requests[0]!.nonce);
    expect(result).toMatchObject({
      status: 'current',
      manifestId: first!.manifestId,
      sequence: 1,
      wireBytes: 0,
    });
    expect(result.tables.map(({ name, action }) => [name, action])).toEqual([
      ['areas', 'unchanged'],
      ['names', 'unchanged'],
    ]);
    expect(hub.fetches).toHaveLength(1);
    expect(hub.acknowledgements).toHaveLength(1);
  });

  it('loads the tables that have changed, and no other', async () => {
    hub.datasets[0] = numberedTexts('names', ['Ada', 'Grace Hopper', 'Edsger']);
    const result = await sync();

    expect(result.tables.map(({ name, action, rows }) => [name, action, rows])).toEqual([
      ['names', 'loaded', 3],
      ['areas', 'unchanged', 1],
    ]);
    expect(await labelsOf('names')).toEqual(['Ada', 'Grace Hopper', 'Edsger']);
    const [areas, names] = await state.tables();
    expect(names).toMatchObject({
      manifestId: result.manifestId,
      rows: 3,
      checksum: result.tables[0]!.checksum,
    });
    expect(areas!.manifestId).not.toBe(result.manifestId);
  });

  it('empties a mirror that has no rows any more', async () => {
    hub.datasets[0] = numberedTexts('names', []);

    expect(await sync()).toMatchObject({ status: 'applied' });
    expect(await labelsOf('names')).toEqual([]);
  });

  it('makes a mirror again whose columns have changed, in the same transaction', async () => {
    const { rows, ...schema } = hub.datasets[0]!;
    const columns = [...schema.columns, { name: 'born', type: 'date' }];
    hub.datasets[0] = { ...schema, columns, rows: rows.map((row) => [...row, '1815-12-10']) };
    const result = await sync();

    expect(result.tables.map(({ action }) => action)).toEqual(['rebuilt', 'unchanged']);
    expect(await select('SELECT id, label, born::text FROM names ORDER BY id')).toEqual([
      { id: '1', label: 'Ada', born: '1815-12-10' },
      { id: '2', label: 'Grace', born: '1815-12-10' },
    ]);
  });

  it('makes an index that is new, without loading the table', async () => {
    hub.datasets[0] = { ...hub.datasets[0]!, indexes: [['label']] };

    expect(await sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
    expect(await select(`SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%(label)'`)).toHaveLength(1);
    expect(await sync()).toMatchObject({ status: 'current' });
  });

  it('forgets a table that has left the manifest, and loads it when it comes back', async () => {
    const areas = hub.datasets.pop()!;
    expect((await sync()).tables.map(({ name }) => name)).toEqual(['names']);
    expect((await state.tables()).map(({ name }) => name)).toEqual(['names']);

    hub.datasets.push({ ...areas, rows: [['1', 'Roof']] });
    const result = await sync();

    expect(result.tables.map(({ name, action }) => [name, action])).toEqual([
      ['names', 'unchanged'],
      ['areas', 'loaded'],
    ]);
    expect(await labelsOf('areas')).toEqual(['Roof']);
  });

  it('loads a dataset whose mirror is to have another name, even though its rows are the same', async () => {
    hub.datasets[0] = { ...hub.datasets[0]!, table: 'people' };
    const result = await sync();

    expect(result.tables[0]).toMatchObject({ name: 'names', table: 'people', action: 'created', rows: 2 });
    expect(await labelsOf('people')).toEqual(['Ada', 'Grace']);
    expect((await state.tables()).map(({ table }) => table)).toEqual(['areas', 'people']);
    expect(await sync()).toMatchObject({ status: 'current' });
  });

  it.each([
    ['was dropped', 'DROP TABLE names', 'created'],
    ['was altered', 'ALTER TABLE names ADD COLUMN note text', 'rebuilt'],
    ['lost its key', 'ALTER TABLE names DROP CONSTRAINT names_pkey', 'rebuilt'],
  ])('makes a mirror whole that %s on the device', async (_, damage, cure) => {
    await database.pool.query(damage);
    const result = await sync();

    expect(result.tables.map(({ action }) => action)).toEqual([cure, 'unchanged']);
    expect(await select('SELECT * FROM names ORDER BY id')).toEqual([
      { id: '1', label: 'Ada' },
      { id: '2', label: 'Grace' },
    ]);
  });
});

describe('a wrong clock', () => {
  it.each([
    ['1970', ['1970-01-01T00:00:01Z', '1970-01-01T00:05:01Z']],
    ['2099', ['2099-12-31T23:59:59Z', '2100-01-01T00:04:59Z']],
    ['jumping back', ['2099-12-31T23:59:59Z', '1970-01-01T00:00:01Z']],
  ])('of %s changes nothing in what is applied', async (_, times) => {
    const clock = times.map((time) => new Date(time));
    hub.datasets = [numberedTexts('names', ['Ada'])];
    expect(await sync({ now: () => clock[0]! })).toMatchObject({ status: 'applied', acknowledged: true });

    hub.datasets = [numberedTexts('names', ['Grace'])];
    expect(await sync({ now: () => clock[1]! })).toMatchObject({ status: 'applied', sequence: 2 });
    expect(await sync({ now: () => clock[0]! })).toMatchObject({ status: 'current', sequence: 2 });

    expect(await labelsOf('names')).toEqual(['Grace']);
    expect((await state.history(10)).map(({ status }) => status)).toEqual(['current', 'applied', 'applied']);
  });
});
