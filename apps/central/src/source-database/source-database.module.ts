import { Logger, Module } from '@nestjs/common';
import { createSourcePool } from '@rivulet/datasets';
import { databaseAddress, waitForDatabase } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import { loadDemoData } from './demo-data';
import { SourceDatabase } from './source-database';
import { SourceDatabaseEnv } from './source-database.env';
import { SourceDatabaseMetrics } from './source-database.metrics';
import { SourceOptions } from './source-options';
import { SourceIndicator } from './source.indicator';

/** Connections to the data owner's database. */
@Module({
  providers: [
    {
      provide: SourceDatabase,
      // Takes the connected DataSource, so that it comes after the wait for central's own database.
      inject: [SourceDatabaseEnv, SourceOptions, DataSource],
      useFactory: openSource,
    },
    SourceDatabaseMetrics,
    SourceIndicator,
  ],
  exports: [SourceDatabase, SourceIndicator],
})
export class SourceDatabaseModule {
  static readonly environment = [SourceDatabaseEnv];
  static readonly indicators = [SourceIndicator];
}

async function openSource(
  { sourcePoolSize }: SourceDatabaseEnv,
  { url, urlVariable, isApart, demoData }: SourceOptions,
): Promise<SourceDatabase> {
  const pool = createSourcePool({
    url,
    applicationName: 'rivulet central source',
    maxConnections: sourcePoolSize,
  });
  try {
    await waitForDatabase({ url, urlVariable, called: 'source database' }, () => pool.query('SELECT 1'));
    const isFilled = demoData && (await loadDemoData(pool));
    if (isFilled) new Logger('Database').log('Filled the database with the demo data');
  } catch (error) {
    await pool.end();
    throw error;
  }
  return new SourceDatabase(pool, databaseAddress(url), isApart);
}
