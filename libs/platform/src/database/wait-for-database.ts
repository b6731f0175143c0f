import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import pRetry from 'p-retry';
import {
  hasSqlState,
  isDatabaseUnavailable,
  isPermanentDatabaseFailure,
  refusalWords,
  sqlState,
} from '@rivulet/postgres';

export interface AwaitedDatabase {
  url: string;
  /** The variable that holds the URL, for messages. */
  urlVariable: string;
  /** For messages. */
  called?: string;
  /** After a power cut the database may need a while longer than the app. */
  attempts?: number;
}

/**
 * Opens a database, waiting for one that is still starting.
 *
 * @throws RivuletError DATABASE_UNAVAILABLE · DATABASE_FORBIDDEN, with the address and PostgreSQL's reason
 */
export async function waitForDatabase<T>(options: AwaitedDatabase, open: () => Promise<T>): Promise<T> {
  const logger = new Logger('Database');
  const name = nameOf(options);
  try {
    return await pRetry(open, {
      retries: (options.attempts ?? 10) - 1,
      minTimeout: 500,
      maxTimeout: 5_000,
      randomize: true,
      shouldRetry: ({ error }) => mayComeUp(error),
      onFailedAttempt: ({ error, retriesLeft }) => {
        if (retriesLeft > 0 && mayComeUp(error)) logger.warn(`Waiting for ${name}: ${reasonOf(error)}`);
      },
    });
  } catch (error) {
    throw namedDatabaseError(error, options);
  }
}

/** The error for a database that refuses us, instead of the driver's. Other errors stay what they are. */
export function namedDatabaseError(error: unknown, options: AwaitedDatabase): unknown {
  const name = nameOf(options);
  if (refusalWords(error) === undefined && hasSqlState(error, sqlState.insufficientPrivilege)) {
    return new RivuletError('DATABASE_FORBIDDEN', `${capital(name)} says: ${reasonOf(error)}.`, {
      cause: error,
    });
  }
  if (!isDatabaseUnavailable(error)) return error;
  return new RivuletError('DATABASE_UNAVAILABLE', `${capital(name)} is not available: ${reasonOf(error)}.`, {
    nextStep:
      refusalWords(error) === undefined
        ? `Check that PostgreSQL runs there and that ${options.urlVariable} is right.`
        : `Let the role of ${options.urlVariable} in: GRANT CONNECT ON DATABASE …, ALTER DATABASE … ALLOW_CONNECTIONS true.`,
    cause: error,
  });
}

/** Host, port and name: fit to be shown. */
export function databaseAddress(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** For messages. */
export function nameOf({ url, called = 'database' }: AwaitedDatabase): string {
  return `the ${called} at ${databaseAddress(url)}`;
}

function mayComeUp(error: unknown): boolean {
  if (error instanceof RivuletError) return error.code === 'DATABASE_UNAVAILABLE';
  return isDatabaseUnavailable(error) && !isPermanentDatabaseFailure(error);
}

/** A refusal at every address of a name is an AggregateError without a message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}

export function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
