import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import { resolveAppDatabase, type AppDatabase } from '@rivulet/postgres';
import { Client } from 'pg';

/** Where the embedded server of `npm start` keeps its rows. */
const EMBEDDED_DATA = '.rivulet/central-postgres/data';

const CONNECT_TIMEOUT_MS = 10_000;

/** Has the URL of the database that central would read datasets from, or should have it. */
export function sourceVariable(environment: NodeJS.ProcessEnv): string {
  return environment['CENTRAL_SOURCE_DATABASE_URL']?.trim()
    ? 'CENTRAL_SOURCE_DATABASE_URL'
    : 'CENTRAL_DATABASE_URL';
}

/**
 * The source database: that of the environment, else the embedded one of an `npm start` that has ended, which is
 * started for the while. (scripts/run.mjs puts the URL of one that runs into the environment.)
 *
 * @throws RivuletError DATABASE_UNAVAILABLE
 */
export async function openSource(environment: NodeJS.ProcessEnv): Promise<AppDatabase> {
  const url = environment[sourceVariable(environment)]?.trim() || undefined;
  if (url === undefined && !existsSync(resolve(EMBEDDED_DATA))) {
    throw new RivuletError('DATABASE_UNAVAILABLE', 'There is no database to ask about the queries.', {
      nextStep: 'Set CENTRAL_DATABASE_URL to that of your tables, or run `npm start` once for the demo.',
    });
  }
  return resolveAppDatabase({
    url,
    urlVariable: 'CENTRAL_DATABASE_URL',
    name: 'central',
    port: 54_080,
    loadEmbedded: () => import('../../../libs/embedded-postgres/src/index.js'),
  });
}

/**
 * Throws what a connection is refused with, and leaves none open. A pool leaves one open when a password is missing, and
 * the server waits a minute for that, and so would this process.
 */
export async function tryConnection(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } finally {
    await client.end();
  }
}
