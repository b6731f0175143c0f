import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { hasSqlState, sqlState } from '@rivulet/postgres';
import type { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { refuseUnfitDatabase } from './refuse-unfit-database';
import { pendingMigrations, runMigrations } from './run-migrations';
import { capital, namedDatabaseError, nameOf } from './wait-for-database';

/**
 * Makes the operational tables again when the database was created again, or its schema dropped, under the running app.
 * Only for an app that can get back everything that was in them.
 *
 * @throws RivuletError DATABASE_TABLES_MISSING when only some are gone · what a start is refused with
 */
export async function restoreTables(dataSource: DataSource, urlVariable: string): Promise<void> {
  if ((await pendingMigrations(dataSource)).length === 0) return;
  const { url } = dataSource.options as PostgresDataSourceOptions;
  const database = { url: url!, urlVariable };
  await refuseUnfitDatabase(dataSource, database);
  try {
    const applied = await runMigrations(dataSource);
    if (applied.length === 0) return;
    new Logger('Database').warn(
      `${capital(nameOf(database))} had lost the tables of Rivulet. Applied migrations again: ${applied.join(', ')}`,
    );
  } catch (error) {
    const cause = (error as { driverError?: unknown }).driverError ?? error;
    if (!hasSqlState(cause, sqlState.duplicateTable, sqlState.duplicateObject)) {
      throw namedDatabaseError(cause, database);
    }
    throw new RivuletError(
      'DATABASE_TABLES_MISSING',
      `The schema rivulet has tables, but not the record of the migrations that made them: ${cause.message}.`,
      { cause: error },
    );
  }
}
