import { RivuletError } from '@rivulet/errors';
import type { CentralEnv } from '../central-env';

/** Which database is the source. */
export interface SourceOptions {
  url: string;
  /** Where it is given, for messages. */
  urlVariable: string;
  /** Whether to fill it with the demo companies when it is empty. */
  demoData: boolean;
}

/**
 * The source is central's own database, or one that is apart, which is never filled.
 *
 * @throws RivuletError ENVIRONMENT_INVALID
 */
export function resolveSource(
  { sourceDatabaseUrl, demoData }: Pick<CentralEnv, 'sourceDatabaseUrl' | 'demoData'>,
  own: { url: string; isEmbedded: boolean },
): SourceOptions {
  if (sourceDatabaseUrl === undefined || sourceDatabaseUrl === own.url) {
    return { url: own.url, urlVariable: 'CENTRAL_DATABASE_URL', demoData: demoData ?? own.isEmbedded };
  }
  if (demoData === true) {
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      'CENTRAL_DEMO_DATA is true, and CENTRAL_SOURCE_DATABASE_URL names a database that central only reads.',
      { nextStep: 'Unset one of the two.' },
    );
  }
  return { url: sourceDatabaseUrl, urlVariable: 'CENTRAL_SOURCE_DATABASE_URL', demoData: false };
}
