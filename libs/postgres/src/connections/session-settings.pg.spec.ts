import { createTestDatabase, testServerVersion, type TestDatabase } from '@rivulet/testing';
import { Client, type Pool } from 'pg';
import { isInterruption, isPostgresError } from '../postgres-error';
import { createPool, withClient } from '../pool';
import { inTransaction } from '../transaction';

const hostile: Record<string, string> = {
  DateStyle: 'German, DMY',
  TimeZone: 'Asia/Kolkata',
  IntervalStyle: 'sql_standard',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  lc_monetary: 'C.UTF-8',
  xmlbinary: 'hex',
  xmloption: 'document',
  array_nulls: 'off',
  quote_all_identifiers: 'on',
  standard_conforming_strings: 'off',
  transform_null_equals: 'on',
  row_security: 'off',
  client_min_messages: 'error',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  jit: 'on',
  statement_timeout: '7s',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '7s',
  idle_session_timeout: '7s',
  ...(testServerVersion >= 17 && { transaction_timeout: '7s' }),
  synchronous_commit: 'off',
};

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

afterEach(() => pool.end());

function open(): void {
  pool = createPool({ url: database.url, applicationName: 'test settings', maxConnections: 2 });
}

async function settingsOf(client: Pool | Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    'SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name',
    [Object.keys(hostile)],
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('the settings of a session', () => {
  it('are the same, whatever the database and the role say, at the beginning and later (jit)', async () => {
    open();
    const usual = await settingsOf(pool);
    const name = new URL(database.url).pathname.slice(1);
    for (const [setting, value] of Object.entries(hostile)) {
      const how = setting === 'jit' ? `ROLE CURRENT_USER IN DATABASE ${name}` : `DATABASE ${name}`;
      await pool.query(`ALTER ${how} SET ${setting} = '${value}'`);
    }
    expect(await settingsOf(pool)).toEqual(usual);
    await pool.end();

    open();
    expect(await settingsOf(pool)).toEqual(usual);
    const plain = new Client({ connectionString: database.url });
    await plain.connect();
    const given = await settingsOf(plain);
    await plain.end();
    const same = Object.keys(hostile).filter((setting) => given[setting] === usual[setting]);
    expect(same).toEqual([]);
    await pool.query(`ALTER DATABASE ${name} RESET ALL`);
    await pool.query(`ALTER ROLE CURRENT_USER IN DATABASE ${name} RESET ALL`);
  });

  it('leave alone a commit that waits for more than our own disk', async () => {
    open();
    const name = new URL(database.url).pathname.slice(1);
    await pool.query(`ALTER DATABASE ${name} SET synchronous_commit = 'remote_apply'`);
    await pool.end();
    open();
    const { rows } = await pool.query('SHOW synchronous_commit');
    expect(rows).toEqual([{ synchronous_commit: 'remote_apply' }]);
    await pool.query(`ALTER DATABASE ${name} RESET ALL`);
  });
});

describe('a statement that is cancelled', () => {
  const limits = { statementTimeoutMs: 300, lockTimeoutMs: 10_000, idleTimeoutMs: 10_000 };

  it.each(['C', 'de_DE.UTF-8'])(
    'at its own limit is not interrupted by others (messages in %s)',
    async (locale) => {
      open();
      const error = await failureOf(
        withClient(pool, async (client) => {
          // Where the server does not have the language it goes on in English.
          await client.query(`SELECT set_config('lc_messages', $1, false)`, [locale]).catch(() => undefined);
          await inTransaction(client, limits, () => client.query('SELECT pg_sleep(5)'));
        }),
      );
      expect(isPostgresError(error) && [error.code, isInterruption(error)]).toEqual(['57014', false]);
    },
  );

  it('by an operator is', async () => {
    open();
    const error = await withClient(pool, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const long = { ...limits, statementTimeoutMs: 20_000 };
      const cancelled = failureOf(inTransaction(client, long, () => client.query('SELECT pg_sleep(15)')));
      for (let isAtIt = false; !isAtIt;) {
        const { rowCount } = await database.pool.query(
          `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`,
          [rows[0]!.pid],
        );
        isAtIt = rowCount === 1;
      }
      return cancelled;
    });
    expect(isPostgresError(error) && [error.code, isInterruption(error)]).toEqual(['57014', true]);
  });

  it('with its transaction, by the limit of the server for transactions, is', async () => {
    open();
    if (testServerVersion < 17) return;
    const error = await failureOf(
      withClient(pool, (client) =>
        inTransaction(client, limits, async () => {
          await client.query(`SET LOCAL transaction_timeout = '50ms'`);
          await client.query('SELECT pg_sleep(5)');
        }),
      ),
    );
    expect(isPostgresError(error) && [error.code, isInterruption(error)]).toEqual(['25P04', true]);
  });
});
