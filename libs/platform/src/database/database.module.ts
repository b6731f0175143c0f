import { Logger, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RivuletError } from '@rivulet/protocol';
import pRetry from 'p-retry';
import { DataSource } from 'typeorm';
import { isDatabaseUnavailable, isPermanentDatabaseFailure } from '../problem/database-failure';
import { runMigrations } from './run-migrations';
import { typeOrmOptions, type DatabaseOptions } from './typeorm-options';

export interface DatabaseModuleOptions extends DatabaseOptions {
  /** The variable that holds the URL, for messages. */
  urlVariable: string;
  /** After a power cut the database may need a while longer than the app. */
  attempts?: number;
}

/** The connected, migrated DataSource of the app, for injection everywhere. */
export function databaseModule(options: DatabaseModuleOptions): DynamicModule {
  return TypeOrmModule.forRootAsync({
    // TypeOrmModule's own retries log each failure as an ERROR; ours are in connect().
    useFactory: () => ({ ...typeOrmOptions(options), toRetry: () => false }),
    dataSourceFactory: () => connect(options),
  });
}

/**
 * Connects, waiting for a database that is still starting, and migrates.
 *
 * @throws RivuletError DATABASE_UNAVAILABLE with the address and PostgreSQL's reason, DATABASE_NEWER
 */
export async function connect(options: DatabaseModuleOptions): Promise<DataSource> {
  const logger = new Logger('Database');
  const address = addressOf(options.url);
  try {
    const dataSource = await pRetry(() => new DataSource(typeOrmOptions(options)).initialize(), {
      retries: (options.attempts ?? 10) - 1,
      minTimeout: 500,
      maxTimeout: 5_000,
      randomize: true,
      shouldRetry: ({ error }) => mayComeUp(error),
      onFailedAttempt: ({ error, retriesLeft }) => {
        if (retriesLeft > 0 && mayComeUp(error))
          logger.warn(`Waiting for the database at ${address}: ${reasonOf(error)}`);
      },
    });
    try {
      const applied = await runMigrations(dataSource);
      if (applied.length > 0) logger.log(`Applied migrations: ${applied.join(', ')}`);
      return dataSource;
    } catch (error) {
      await dataSource.destroy();
      throw error;
    }
  } catch (error) {
    if (isForbidden(error)) {
      throw new RivuletError('DATABASE_FORBIDDEN', `The database at ${address} says: ${reasonOf(error)}.`, {
        cause: error,
      });
    }
    if (!isDatabaseUnavailable(error)) throw error;
    throw new RivuletError(
      'DATABASE_UNAVAILABLE',
      `The database at ${address} is not available: ${reasonOf(error)}.`,
      {
        nextStep: `Check that PostgreSQL runs there and that ${options.urlVariable} is right.`,
        cause: error,
      },
    );
  }
}

function mayComeUp(error: unknown): boolean {
  return isDatabaseUnavailable(error) && !isPermanentDatabaseFailure(error);
}

/** SQLSTATE insufficient_privilege. */
function isForbidden(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '42501';
}

function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** A refusal at every address of a name is an AggregateError without a message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
