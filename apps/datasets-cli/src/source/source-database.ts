import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import { DatabaseClient, resolveAppDatabase, type AppDatabase } from '@rivulet/postgres';

/** The data directory of the embedded server of `npm start`. */
const EMBEDDED_DATA = '.rivulet/central-postgres/data';

const CONNECT_TIMEOUT_MS = 10_000;

/** The variable that has, or should have, the URL of the source database. */
export function sourceVariable(environment: NodeJS.ProcessEnv): string {
  return environment['CENTRAL_SOURCE_DATABASE_URL']?.trim()
    ? 'CENTRAL_SOURCE_DATABASE_URL'
    : 'CENTRAL_DATABASE_URL';
}

/**
 * The source database: the configured one, or else the embedded one of a stopped `npm start`, which is started
 * temporarily. (For a running one scripts/run.mjs puts the URL into the environment.)
 *
 * @throws RivuletError DATABASE_UNAVAILABLE
 */
export async function openSource(environment: NodeJS.ProcessEnv): Promise<AppDatabase> {
  const url = environment[sourceVariable(environment)]?.trim() || undefined;
  if (url === undefined && !existsSync(resolve(EMBEDDED_DATA))) {
    throw new RivuletError('DATABASE_UNAVAILABLE', 'No database is configured.', {
      nextStep:
        'Set CENTRAL_DATABASE_URL to the database with your tables, or run `npm start` once for the demo.',
    });
  }
  return resolveAppDatabase({
    url,
    urlVariable: 'CENTRAL_DATABASE_URL',
    name: 'central',
    port: 54_080,
    loadEmbedded: () => import('../../../../libs/embedded-postgres/src/index.js'),
  });
}

/**
 * Throws the error of a refused connection and closes it. A pool keeps a connection open when a password is missing, and
 * this process would wait for the server's timeout of a minute.
 */
export async function tryConnection(url: string): Promise<void> {
  const client = new DatabaseClient({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  try {
    await client.connect();
  } finally {
    await client.end();
  }
}
