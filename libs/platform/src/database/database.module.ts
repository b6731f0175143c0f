import { Logger, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { refuseUnfitDatabase } from './refuse-unfit-database';
import { runMigrations } from './run-migrations';
import { typeOrmOptions, type DatabaseOptions } from './typeorm-options';
import { namedDatabaseError, waitForDatabase, type AwaitedDatabase } from './wait-for-database';

export interface DatabaseModuleOptions extends DatabaseOptions, AwaitedDatabase {}

/** The connected, migrated DataSource of the app, for injection everywhere. */
export function databaseModule(options: DatabaseModuleOptions): DynamicModule {
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
 *   DATABASE_FORBIDDEN, DATABASE_NEWER
 */
export async function connect(options: DatabaseModuleOptions): Promise<DataSource> {
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

async function open(options: DatabaseModuleOptions): Promise<DataSource> {
  const dataSource = await new DataSource(typeOrmOptions(options)).initialize();
  try {
    await refuseUnfitDatabase(dataSource, options);
    return dataSource;
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}
