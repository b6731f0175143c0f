import { randomBytes } from 'node:crypto';
import { createPool } from '@rivulet/postgres';
import { Client, escapeIdentifier, type Pool } from 'pg';

/** A database of its own for one test file, on the server of the test run. */
export interface TestDatabase {
  url: string;
  pool: Pool;
  drop(): Promise<void>;
}

/** Makes an empty database, or a copy of another. */
export async function createTestDatabase(copyOf = 'template0'): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await runOnServer(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE ${escapeIdentifier(copyOf)}`);
  const url = databaseUrl(name);
  const pool = createPool({ url, applicationName: 'test', maxConnections: 10 });
  return {
    url,
    pool,
    drop: async () => {
      await pool.end();
      await runOnServer(`DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`);
    },
  };
}

function databaseUrl(name: string): string {
  const url = new URL(process.env['TEST_DATABASE_URL']!);
  url.pathname = `/${name}`;
  return url.href;
}

async function runOnServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: process.env['TEST_DATABASE_URL'] });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
