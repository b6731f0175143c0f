import { Logger, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { Feature } from '../feature';
import { logConnectionEvents } from './log-connection-events';
import { refuseUnfitDatabase } from './refuse-unfit-database';
import { runMigrations } from './run-migrations';
import { typeOrmOptions, type DatabaseOptions } from './typeorm-options';
import { namedDatabaseError, waitForDatabase, type AwaitedDatabase } from './wait-for-database';

export interface ConnectOptions extends DatabaseOptions, AwaitedDatabase {}

export interface DatabaseModuleOptions extends Omit<ConnectOptions, 'entities' | 'migrations'> {
  /**
   * Whose entities and migrations the database has. Migrations run in the order of the timestamps in their names; one that
   * makes tables of several features is named by each.
   */
  features: readonly Feature[];
}

/** The connected, migrated DataSource of the app, for injection everywhere. */
export function databaseModule({ features, ...database }: DatabaseModuleOptions): DynamicModule {
  const options = {
    ...database,
    entities: features.flatMap((feature) => feature.entities ?? []),
    migrations: [...new Set(features.flatMap((feature) => feature.migrations ?? []))],
  };
  return TypeOrmModule.forRootAsync({
    // TypeOrmModule's own retries log each failure as an ERROR; ours are in waitForDatabase().
    useFactory: () => ({ ...typeOrmOptions(options), toRetry: () => false }),
    dataSourceFactory: () => connect(options),
  });
}

/**
 * Connects, waiting for a database that is still starting, and migrates.
 *
 * @throws RivuletError DATABASE_UNAVAILABLE with the address and PostgreSQL's reason, ENVIRONMENT_INVALID,
 *   DATABASE_FORBIDDEN, DATABASE_NEWER, DATABASE_OF_OTHER_APP
 */
export async function connect(options: ConnectOptions): Promise<DataSource> {
  logConnectionEvents();
  const dataSource = await waitForDatabase(options, () => open(options));
  try {
    const applied = await runMigrations(dataSource);
    if (applied.length > 0) new Logger('Database').log(`Applied migrations: ${applied.join(', ')}`);
    return dataSource;
  } catch (error) {
    await dataSource.destroy();
    throw namedDatabaseError(error, options);
  }
}

async function open(options: ConnectOptions): Promise<DataSource> {
  const dataSource = await new DataSource(typeOrmOptions(options)).initialize();
  try {
    await refuseUnfitDatabase(dataSource, options);
    return dataSource;
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}
