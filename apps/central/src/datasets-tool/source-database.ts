import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { RivuletError } from '@rivulet/protocol';
import { resolveAppDatabase, type AppDatabase } from '@rivulet/postgres';

/** Where the embedded server of `npm start` keeps its rows. */
const EMBEDDED_DATA = '.rivulet/central-postgres/data';

/** The database that central would read datasets from. */
export function sourceUrl(environment: NodeJS.ProcessEnv): string | undefined {
  return (
    environment['CENTRAL_SOURCE_DATABASE_URL']?.trim() ||
    environment['CENTRAL_DATABASE_URL']?.trim() ||
    undefined
  );
}

/**
 * The source database: that of the environment, else the embedded one of an `npm start` that has ended, which is
 * started for the while. (Of one that runs, scripts/datasets.mjs puts the URL into the environment.)
 *
 * @throws RivuletError DATABASE_UNAVAILABLE
 */
export async function openSource(environment: NodeJS.ProcessEnv): Promise<AppDatabase> {
  const url = sourceUrl(environment);
  if (url === undefined && !existsSync(resolve(EMBEDDED_DATA))) {
    throw new RivuletError('DATABASE_UNAVAILABLE', 'There is no database to ask about the queries.', {
      nextStep: 'Set CENTRAL_DATABASE_URL to that of your tables, or run `npm start` once for the demo.',
    });
  }
  return resolveAppDatabase({ url, urlVariable: 'CENTRAL_DATABASE_URL', name: 'central', port: 54_080 });
}
