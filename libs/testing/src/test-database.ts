import { randomBytes } from 'node:crypto';
import { createPool } from '@rivulet/postgres';
import { Client, escapeIdentifier, type Pool, type QueryResult } from 'pg';

/** A database of its own for one test file, on the server of the test run. */
export interface TestDatabase {
  url: string;
  pool: Pool;
  drop(): Promise<void>;
}

/** The major version of the server of this test run. `npm run test:versions` has others than the usual one. */
export const testServerVersion = Number(process.env['TEST_DATABASE_VERSION'] ?? 18);

/** Makes an empty database, or a copy of another, on the server of the test run or on another. */
export async function createTestDatabase(
  copyOf = 'template0',
  server = process.env['TEST_DATABASE_URL']!,
): Promise<TestDatabase> {
  return createDatabase(server, `TEMPLATE ${escapeIdentifier(copyOf)}`);
}

/**
 * A database to make copies of, which is cheaper than to fill each. Made once for each worker of a test run.
 *
 * @param fill leaves no connection to it
 * @returns its name
 */
export async function createTemplate(
  name: string,
  fill: (url: string) => Promise<void>,
  server = process.env['TEST_DATABASE_URL']!,
): Promise<string> {
  const template = `template_${name}_${process.env['JEST_WORKER_ID']}`;
  const known = await runOnServer(server, `SELECT FROM pg_database WHERE datname = '${template}'`);
  if (known.rowCount === 1) return template;
  const { url, pool } = await createTestDatabase('template0', server);
  await pool.end();
  await fill(url);
  const filled = escapeIdentifier(new URL(url).pathname.slice(1));
  await runOnServer(server, `ALTER DATABASE ${filled} RENAME TO ${escapeIdentifier(template)}`);
  return template;
}

/** Makes an empty database that sorts text as English does, where the server can: from version 15 on. */
export async function createEnglishDatabase(
  server = process.env['TEST_DATABASE_URL']!,
  serverVersion = testServerVersion,
): Promise<TestDatabase> {
  const collation = serverVersion < 15 ? '' : ` LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`;
  return createDatabase(server, `TEMPLATE template0${collation}`);
}

async function createDatabase(server: string, options: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await runOnServer(server, `CREATE DATABASE ${escapeIdentifier(name)} ${options}`);
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  const limits = { statementTimeoutMs: 0, lockTimeoutMs: 0 };
  const pool = createPool({ url, applicationName: 'test', maxConnections: 10, limits });
  return {
    url,
    pool,
    drop: async () => {
      await pool.end();
      await runOnServer(server, `DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`);
    },
  };
}

async function runOnServer(server: string, statement: string): Promise<QueryResult> {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    return await client.query(statement);
  } finally {
    await client.end();
  }
}
