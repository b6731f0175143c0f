import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { ClientBase } from 'pg';
import { lockingStatement, releaseAdvisoryLock, tryAdvisoryLock } from './advisory-lock';
import { withClient } from './pool';
import { isPostgresError } from './postgres-error';
import { sqlState } from './sql-state';
import { inTransaction, type TransactionOptions } from './transaction';

jest.setTimeout(30_000);

const limits: TransactionOptions = {
  statementTimeoutMs: 20_000,
  lockTimeoutMs: 10_000,
  idleTimeoutMs: 5_000,
};

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query('CREATE TABLE notes (id int PRIMARY KEY)');
});

beforeEach(() => database.pool.query('TRUNCATE notes'));

afterAll(() => database.drop());

function transaction<T>(
  options: Partial<TransactionOptions>,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  return withClient(database.pool, (client) =>
    inTransaction(client, { ...limits, ...options }, () => work(client)),
  );
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function notes(): Promise<number[]> {
  const { rows } = await database.pool.query<{ id: number }>('SELECT id FROM notes ORDER BY id');
  return rows.map(({ id }) => id);
}

async function settingsOf(client: ClientBase): Promise<unknown[]> {
  const names = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
  const others = ['transaction_isolation', 'transaction_read_only'];
  const { rows } = await client.query<{ value: string }>(
    'SELECT current_setting(name) AS value FROM unnest($1::text[]) WITH ORDINALITY AS asked (name, place) ORDER BY place',
    [[...names, ...others]],
  );
  return rows.map(({ value }) => value);
}

describe('a transaction', () => {
  it('commits what was done, and passes on what the work returns', async () => {
    const result = await transaction({}, async (client) => {
      await client.query('INSERT INTO notes VALUES (1), (2)');
      return 'done';
    });
    expect(result).toBe('done');
    expect(await notes()).toEqual([1, 2]);
  });

  it('rolls all of it back, and throws what the work threw', async () => {
    const own = new Error('a reason of its own');
    const failed = transaction({}, async (client) => {
      await client.query('INSERT INTO notes VALUES (1)');
      throw own;
    });
    expect(await failureOf(failed)).toBe(own);
    expect(await notes()).toEqual([]);
  });

  it('rolls back after an error of PostgreSQL, and leaves the connection fit for use', async () => {
    await withClient(database.pool, async (client) => {
      const failed = inTransaction(client, limits, async () => {
        await client.query('INSERT INTO notes VALUES (1)');
        await client.query('INSERT INTO notes VALUES (1)');
      });
      expect(await failureOf(failed)).toMatchObject({ code: '23505' });
      await inTransaction(client, limits, () => client.query('INSERT INTO notes VALUES (3)'));
    });
    expect(await notes()).toEqual([3]);
  });

  it('rolls back when a constraint is found broken only by COMMIT', async () => {
    await database.pool.query(
      'CREATE TABLE late (id int REFERENCES notes DEFERRABLE INITIALLY DEFERRED, PRIMARY KEY (id))',
    );
    const failed = transaction({}, (client) => client.query('INSERT INTO late VALUES (9)'));
    expect(await failureOf(failed)).toMatchObject({ code: '23503' });
    await database.pool.query('DROP TABLE late');
  });

  it('begins with settings and a statement, which hold until its end', async () => {
    const first = lockingStatement('a lock of its own');
    await transaction({ settings: { DateStyle: 'German, DMY' }, first }, async (client) => {
      const { rows } = await client.query(`SELECT '2026-11-27'::date::text AS date`);
      expect(rows).toEqual([{ date: '27.11.2026' }]);
      await withClient(database.pool, async (other) => {
        expect(await tryAdvisoryLock(other, 'a lock of its own')).toBe(false);
      });
    });
    await withClient(database.pool, async (other) => {
      expect(await tryAdvisoryLock(other, 'a lock of its own')).toBe(true);
      await releaseAdvisoryLock(other, 'a lock of its own');
    });
  });

  it('has the isolation, access and limits that were asked for, and they end with it', async () => {
    await withClient(database.pool, async (client) => {
      const before = await settingsOf(client);
      const asked: TransactionOptions = {
        isolation: 'REPEATABLE READ',
        readOnly: true,
        statementTimeoutMs: 1_234,
        lockTimeoutMs: 5_000,
        idleTimeoutMs: 0,
      };
      const during = await inTransaction(client, asked, () => settingsOf(client));
      expect(during).toEqual(['1234ms', '5s', '0', 'repeatable read', 'on']);
      expect(await settingsOf(client)).toEqual(before);
    });
  });

  it('is READ COMMITTED and may write, whatever the defaults of the database', async () => {
    await withClient(database.pool, async (client) => {
      await client.query('SET default_transaction_isolation = serializable');
      await client.query('SET default_transaction_read_only = on');
      const during = await inTransaction(client, limits, () => settingsOf(client));
      expect(during.slice(3)).toEqual(['read committed', 'off']);
      await client.query('RESET ALL');
    });
  });
});

describe('the limits of a transaction', () => {
  it('end a statement that takes too long', async () => {
    const error = await failureOf(
      transaction({ statementTimeoutMs: 50 }, (client) => client.query('SELECT pg_sleep(20)')),
    );
    expect(isPostgresError(error) && error.code).toBe(sqlState.queryCanceled);
  });

  it('end the wait for a lock', async () => {
    await transaction({}, async (holder) => {
      await holder.query('LOCK TABLE notes');
      const error = await failureOf(
        transaction({ lockTimeoutMs: 50 }, (client) => client.query('TABLE notes')),
      );
      expect(isPostgresError(error) && error.code).toBe(sqlState.lockNotAvailable);
    });
  });

  it('end a transaction whose work does nothing', async () => {
    const failed = transaction({ idleTimeoutMs: 50 }, async (client) => {
      await client.query('INSERT INTO notes VALUES (1)');
      await delay(500);
    });
    expect(await failureOf(failed)).toBeInstanceOf(Error);
    expect(await notes()).toEqual([]);
  });
});

describe('a connection that breaks in a transaction', () => {
  it.each([
    ['while a statement runs', 'SELECT pg_sleep(20)'],
    ['between statements', undefined],
  ])('%s fails the work, and the next has another', async (_, statement) => {
    const failed = transaction({}, async (client) => {
      await client.query('INSERT INTO notes VALUES (1)');
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const running = statement === undefined ? undefined : failureOf(client.query(statement));
      await database.pool.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]!.pid]);
      await running;
    });
    expect(await failureOf(failed)).toBeInstanceOf(Error);
    expect(await notes()).toEqual([]);
    await transaction({}, (client) => client.query('INSERT INTO notes VALUES (2)'));
    expect(await notes()).toEqual([2]);
  });
});
