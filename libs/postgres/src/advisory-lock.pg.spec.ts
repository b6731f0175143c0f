import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { lockForTransaction, releaseAdvisoryLock, tryAdvisoryLock } from './advisory-lock';
import { withClient } from './pool';
import { inTransaction } from './transaction';

const limits = { statementTimeoutMs: 20_000, lockTimeoutMs: 10_000, idleTimeoutMs: 10_000 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

function tryElsewhere(name: string): Promise<boolean> {
  return withClient(database.pool, async (client) => {
    const locked = await tryAdvisoryLock(client, name);
    if (locked) await releaseAdvisoryLock(client, name);
    return locked;
  });
}

describe('a lock of the session', () => {
  it('is given to one session at a time, by its name', async () => {
    await withClient(database.pool, async (client) => {
      expect(await tryAdvisoryLock(client, 'sync')).toBe(true);
      expect(await tryElsewhere('sync')).toBe(false);
      expect(await tryElsewhere('another')).toBe(true);
      await releaseAdvisoryLock(client, 'sync');
      expect(await tryElsewhere('sync')).toBe(true);
    });
  });

  it('outlives a transaction that is rolled back', async () => {
    await withClient(database.pool, async (client) => {
      await client.query('BEGIN');
      await tryAdvisoryLock(client, 'sync');
      await client.query('ROLLBACK');
      expect(await tryElsewhere('sync')).toBe(false);
      await releaseAdvisoryLock(client, 'sync');
    });
  });
});

describe('a lock of the transaction', () => {
  it('is waited for, and ends with the transaction', async () => {
    const order: string[] = [];
    let second: Promise<void> | undefined;
    await withClient(database.pool, (client) =>
      inTransaction(client, limits, async () => {
        await lockForTransaction(client, 'demo data');
        second = withClient(database.pool, (other) =>
          inTransaction(other, limits, async () => {
            await lockForTransaction(other, 'demo data');
            order.push('second');
          }),
        );
        await client.query('SELECT pg_sleep(0.1)');
        order.push('first');
      }),
    );
    await second;
    expect(order).toEqual(['first', 'second']);
  });
});
