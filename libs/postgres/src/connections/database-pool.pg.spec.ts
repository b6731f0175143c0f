import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, TcpRelay, type TestDatabase } from '@rivulet/testing';
import type { Pool } from 'pg';
import { copyIn } from '../copy/copy-in';
import { copyOut } from '../copy/copy-out';
import { databaseFailure } from '../database-failure';
import { createPool, withClient } from '../pool';
import { inTransaction } from '../transaction';
import { connectionEvents, type ConnectionEvent } from './connection-events';
import { databaseTrouble } from './database-pool';

jest.setTimeout(30_000);

/** A tenth or less of what the apps have. */
const silence = { tickMs: 50, askAfterMs: 200, askAgainAfterMs: 200, waitingForUsMs: 2_000, marginMs: 300 };
const limits = { statementTimeoutMs: 20_000, lockTimeoutMs: 10_000, idleTimeoutMs: 10_000 };

let database: TestDatabase;
let relay: TcpRelay;
let url: string;
let pool: Pool;
let events: ConnectionEvent[];
const remember = (event: unknown): void => void events.push(event as ConnectionEvent);

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query('CREATE TABLE notes (id int)');
});

beforeEach(async () => {
  relay = await TcpRelay.start(database.url);
  url = relay.through(database.url);
  pool = createPool({ url, applicationName: 'watched', maxConnections: 3, silence });
  events = [];
  connectionEvents.subscribe(remember);
});

afterEach(async () => {
  connectionEvents.unsubscribe(remember);
  await pool.end();
  await relay.stop();
});

afterAll(() => database.drop());

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function sessions(): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'watched'`,
  );
  return rows[0]!.count;
}

async function untilNoSessions(): Promise<void> {
  for (let attempt = 0; attempt < 200 && (await sessions()) > 0; attempt++) await delay(25);
  expect(await sessions()).toBe(0);
}

describe('a connection that goes silent', () => {
  it('while a statement is sent is closed long before the limit of the statement, and ended at the server', async () => {
    const startedAt = performance.now();
    const error = await failureOf(
      withClient(pool, (client) =>
        inTransaction(client, limits, async () => {
          await client.query('LOCK TABLE notes IN ACCESS EXCLUSIVE MODE');
          relay.silence();
          await client.query('SELECT 1 AS never_arrives');
        }),
      ),
    );
    expect(databaseFailure(error)).toMatch(/^PostgreSQL did not answer for \d+ s$/);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await untilNoSessions();
    await pool.query('INSERT INTO notes VALUES (1)');
    expect(events.map(({ kind }) => kind)).toEqual(['lost', 'recovered']);
    expect(events[0]).toMatchObject({ pool: 'watched', doing: 'SELECT 1 AS never_arrives' });
  });

  it('while the server is at work, so that its answer is lost, is closed when the server is done', async () => {
    const error = await failureOf(
      withClient(pool, async (client) => {
        const answer = client.query('SELECT pg_sleep(1)');
        await delay(100);
        relay.silence();
        await answer;
      }),
    );
    expect(databaseFailure(error)).toMatch(/^PostgreSQL did not answer/);
  });

  it('while rows are read, or written, is closed', async () => {
    const reading = withClient(pool, async (client) => {
      let bytes = 0;
      for await (const piece of copyOut(client, 'COPY (SELECT generate_series(1, 5000000)) TO STDOUT')) {
        if (bytes === 0) relay.silence();
        bytes += piece.length;
      }
    });
    expect(databaseFailure(await failureOf(reading))).toMatch(/^PostgreSQL did not answer/);
    const writing = withClient(pool, (client) => {
      const rows = (function* () {
        for (let row = 0; row < 100; row++) {
          if (row === 1) relay.silence();
          yield Buffer.from('1\n'.repeat(100_000));
        }
      })();
      return copyIn(client, 'COPY notes FROM STDIN', rows);
    });
    expect(databaseFailure(await failureOf(writing))).toMatch(/^PostgreSQL did not answer/);
    await untilNoSessions();
  });

  it('while nobody uses it is found when somebody would, and so are the others', async () => {
    await Promise.all([1, 2, 3].map(() => pool.query('SELECT pg_sleep(0.1)')));
    relay.silence();
    await delay(1_100);
    const startedAt = performance.now();
    expect((await Promise.all([1, 2, 3].map(() => pool.query('SELECT 1')))).length).toBe(3);
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    expect(events.filter(({ kind }) => kind === 'lost')).toHaveLength(1);
  });

  it('does not keep a pool from ending', async () => {
    await pool.query('SELECT 1');
    relay.silence();
    const startedAt = performance.now();
    await pool.end();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    pool = createPool({ url, applicationName: 'watched', maxConnections: 1 });
  });
});

describe('a server that answers nobody any more', () => {
  it('is waited for until the limit of the statement and a little more; meanwhile the pool is in trouble', async () => {
    const short = { ...limits, statementTimeoutMs: 1_000 };
    const startedAt = performance.now();
    const failed = withClient(pool, (client) =>
      inTransaction(client, short, async () => {
        relay.silence();
        relay.swallowsNew = true;
        await client.query('SELECT 1');
      }),
    );
    await delay(900);
    expect(databaseTrouble(url)).toEqual([]);
    expect(databaseFailure(await failureOf(failed))).toMatch(/^PostgreSQL did not answer/);
    const elapsedMs = performance.now() - startedAt;
    expect(elapsedMs).toBeGreaterThan(1_200);
    expect(elapsedMs).toBeLessThan(6_000);
    relay.swallowsNew = false;
  });
});

describe('a connection on which much time passes for a reason', () => {
  it('goes on: a long statement, a lock, a reader or a writer that takes its time', async () => {
    const slow = { ...limits, statementTimeoutMs: 0 };
    await withClient(pool, (client) =>
      inTransaction(client, slow, async () => {
        await client.query('SELECT pg_sleep(1.5)');
        let pieces = 0;
        for await (const piece of copyOut(client, 'COPY (SELECT generate_series(1, 2000000)) TO STDOUT')) {
          if (pieces++ === 2) await delay(1_500);
          expect(piece.length).toBeGreaterThan(0);
        }
        const rows = (async function* () {
          yield Buffer.from('1\n');
          await delay(1_500);
          yield Buffer.from('2\n');
        })();
        expect(await copyIn(client, 'COPY notes FROM STDIN', rows)).toBe(2);
      }),
    );
    expect(events).toEqual([]);
  });
});

describe('connections that are cut', () => {
  it.each(['end', 'reset'] as const)('by an %s are replaced, which is told once', async (how) => {
    const idle = await Promise.all([1, 2].map(() => pool.query('SELECT pg_sleep(0.1)')));
    expect(idle).toHaveLength(2);
    const running = failureOf(pool.query('SELECT pg_sleep(20)'));
    await delay(100);
    relay.cut(how);
    expect(databaseFailure(await running)).toBeDefined();
    await delay(50);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(events.map(({ kind }) => kind)).toEqual(['lost', 'recovered']);
  });
});
