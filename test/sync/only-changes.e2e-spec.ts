import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { RunningApp } from '../support/apps/running-app';
import { inProcess } from '../support/apps/pair-in-process';
import { startCentral, SyncPair } from '../support/apps/sync-pair';

let pair: SyncPair;

beforeAll(async () => {
  pair = await SyncPair.start({ starters: inProcess });
  await pair.syncNow();
});

afterAll(() => pair.stop());

const people = 'SELECT id, full_name, email FROM users ORDER BY id';

it('a value that is changed behind the back of the edge is found, and fetched again alone', async () => {
  const before = await pair.edgeRows(people);
  await pair.edgeDb.pool.query(
    'UPDATE users SET email = email || $1 WHERE id = (SELECT max(id) FROM users)',
    ['x'],
  );

  const looked = await verify({ repair: false });
  expect(looked.status).toBe('deviating');
  const users = looked.tables.find(({ name }) => name === 'users')!;
  expect(users.deviations).toMatchObject([{ chunks: 1 }]);
  expect(await pair.edgeRows(people)).not.toEqual(before);

  const repaired = await verify({});
  expect(repaired.status).toBe('repaired');
  expect(repaired.repair!.wireBytes).toBeLessThan(128 * 1024);
  expect(await pair.edgeRows(people)).toEqual(before);
  expect((await verify({})).status).toBe('intact');
});

describe('what has not changed is not sent:', () => {
  it('one changed row travels alone, and its table is proved', async () => {
    await pair.centralDb.pool.query(
      `UPDATE users SET full_name = 'Renamed' WHERE id = (SELECT min(id) FROM users WHERE company_id = 1)`,
    );
    const result = await pair.syncNow();
    expect(result).toMatchObject({ status: 'applied', acknowledged: true });
    const actions = Object.fromEntries(result.tables.map(({ name, action }) => [name, action]));
    expect(actions).toMatchObject({ users: 'patched', companies: 'unchanged' });
    expect(result.wireBytes).toBeLessThan(1_000);
    expect(await pair.edgeRows(`SELECT 1 FROM users WHERE full_name = 'Renamed'`)).toHaveLength(1);
  });

  it('not when central has lost everything that it keeps of snapshots', async () => {
    await pair.central.stop();
    await pair.centralDb.pool.query('TRUNCATE rivulet.chunks, rivulet.snapshots CASCADE');
    pair.central = await startCentral(pair.centralDb, {
      starters: inProcess,
      central: { CENTRAL_PORT: portOf(pair.central) },
    });
    await expectNothingSent(pair.edge);
  });

  it('not by a second central over a copy of the database', async () => {
    await pair.edge.stop();
    await pair.central.stop();
    const copy = await copyOf(pair.centralDb);
    const second = await startCentral(copy, { starters: inProcess });
    try {
      const edge = (pair.edge = await pair.startEdge({ EDGE_CENTRAL_URL: second.url }));
      await expectNothingSent(edge);
      await copy.pool.query(`DELETE FROM public.users WHERE full_name = 'Renamed'`);
      expect((await pair.syncNow(edge)).wireBytes).toBeLessThan(1_000);
      expect(await pair.edgeRows(`SELECT 1 FROM users WHERE full_name = 'Renamed'`)).toEqual([]);
    } finally {
      await pair.edge.stop();
      await second.stop();
      await copy.drop();
    }
  });
});

interface Verification {
  status: string;
  tables: { name: string; deviations: { chunks: number }[] }[];
  repair?: { wireBytes: number };
}

async function verify(body: object): Promise<Verification> {
  const response = await fetch(`${pair.edge.url}/api/sync/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Verification;
}

async function expectNothingSent(edge: RunningApp): Promise<void> {
  const result = await pair.syncNow(edge);
  expect(result.status).not.toBe('failed');
  expect(result.wireBytes).toBe(0);
  expect(new Set(result.tables.map(({ action }) => action))).toEqual(new Set(['unchanged']));
}

function portOf({ url }: RunningApp): string {
  return new URL(url).port;
}

/** As from a backup. PostgreSQL copies a database that nobody is connected to. */
async function copyOf(database: TestDatabase): Promise<TestDatabase> {
  const name = new URL(database.url).pathname.slice(1);
  await database.pool.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await closeIdle(database);
  return createTestDatabase(name);
}

async function closeIdle({ pool }: TestDatabase): Promise<void> {
  const client = await pool.connect();
  client.release(true);
}
