import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { Pool, PoolClient } from 'pg';
import { tryAdvisoryLock } from './advisory-lock';
import { createPool, renewConnections, withClient } from './pool';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, applicationName: 'pool under test', maxConnections: 1 });
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function pidOf(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]!.pid;
}

describe('a connection of the pool', () => {
  it('has a name in pg_stat_activity', async () => {
    const { rows } = await pool.query(`SELECT current_setting('application_name') AS name`);
    expect(rows).toEqual([{ name: 'pool under test' }]);
  });

  it('is given back after work that succeeds', async () => {
    const first = await withClient(pool, pidOf);
    expect(await withClient(pool, pidOf)).toBe(first);
  });

  it('is closed after work that fails, with all that was left half done on it', async () => {
    const before = await withClient(pool, pidOf);
    const failed = withClient(pool, async (client) => {
      await client.query('BEGIN');
      await tryAdvisoryLock(client, 'left behind');
      throw new Error('half done');
    });
    await expect(failed).rejects.toThrow('half done');
    expect(await withClient(pool, pidOf)).not.toBe(before);
    // The server notices the end of a connection a moment later.
    let isFree = false;
    for (let attempt = 0; attempt < 100 && !isFree; attempt++) {
      await delay(10);
      isFree = await withClient(pool, (client) => tryAdvisoryLock(client, 'left behind'));
    }
    expect(isFree).toBe(true);
  });

  it('is replaced when the server ends it while it is idle', async () => {
    const before = await withClient(pool, pidOf);
    await database.pool.query('SELECT pg_terminate_backend($1, 5000)', [before]);
    await delay(50);
    expect(await withClient(pool, pidOf)).not.toBe(before);
  });

  it('is made anew once the pool is told to renew them, also when it was in use then', async () => {
    const client = await pool.connect();
    const before = await pidOf(client);
    renewConnections(pool);
    client.release();
    const after = await withClient(pool, pidOf);
    expect(after).not.toBe(before);
    expect(await withClient(pool, pidOf)).toBe(after);
  });

  it('is not made at all for a database that is not there, and no place in the pool is lost', async () => {
    const nowhere = Object.assign(new URL(database.url), { pathname: '/nowhere' }).href;
    const empty = createPool({ url: nowhere, applicationName: 'test', maxConnections: 1 });
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(withClient(empty, pidOf)).rejects.toThrow('database "nowhere" does not exist');
    }
    await empty.end();
  });
});
