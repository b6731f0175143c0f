import { RivuletError } from '@rivulet/errors';
import type { SourceDatabaseEnv } from './source-database.env';

/** Which database is the source. */
export class SourceOptions {
  url: string;
  /** Where it is given, for messages. */
  urlVariable: string;
  /** Whether it is separate from central's own database. */
  isApart: boolean;
  /** Whether to fill it with the demo companies when it is empty. */
  demoData: boolean;
}

/**
 * The source is central's own database, or one that is apart, which is never filled.
 *
 * @throws RivuletError ENVIRONMENT_INVALID
 */
export function resolveSource(
  { sourceDatabaseUrl, demoData }: Pick<SourceDatabaseEnv, 'sourceDatabaseUrl' | 'demoData'>,
  own: { url: string; isEmbedded: boolean },
): SourceOptions {
  if (sourceDatabaseUrl === undefined || sourceDatabaseUrl === own.url) {
    const filled = demoData ?? own.isEmbedded;
    return { url: own.url, urlVariable: 'CENTRAL_DATABASE_URL', isApart: false, demoData: filled };
  }
  if (demoData === true) {
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      'CENTRAL_DEMO_DATA is true, and CENTRAL_SOURCE_DATABASE_URL names a database that central only reads.',
      { nextStep: 'Unset one of the two.' },
    );
  }
  const urlVariable = 'CENTRAL_SOURCE_DATABASE_URL';
  return { url: sourceDatabaseUrl, urlVariable, isApart: true, demoData: false };
}
