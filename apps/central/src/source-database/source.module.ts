import { Logger, Module, type DynamicModule } from '@nestjs/common';
import { databaseAddress, waitForDatabase } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import { CentralEnv } from '../central-env';
import { CurrentDatasets } from '../datasets/current-datasets';
import { loadDemoData } from './demo-data';
import { refuseStandby } from './refuse-standby';
import type { SourceOptions } from './resolve-source';
import { SourceDatabase } from './source-database';
import { createSourcePool } from '@rivulet/datasets';

/** The data owner's database, and the datasets that the datasets file makes of it. */
@Module({})
export class SourceModule {
  static forRoot(env: CentralEnv, options: SourceOptions): DynamicModule {
    return {
      module: SourceModule,
      global: true,
      providers: [
        {
          provide: SourceDatabase,
          // Takes the connected DataSource, so that it comes after the wait for central's own database.
          inject: [DataSource],
          useFactory: () => openSource(env, options),
        },
        {
          provide: CurrentDatasets,
          inject: [SourceDatabase],
          useFactory: (source: SourceDatabase) => loadDatasets(env, options, source),
        },
      ],
      exports: [SourceDatabase, CurrentDatasets],
    };
  }
}

async function openSource(env: CentralEnv, { url, urlVariable }: SourceOptions): Promise<SourceDatabase> {
  const pool = createSourcePool({
    url,
    applicationName: 'rivulet central source',
    maxConnections: env.sourcePoolSize,
  });
  const address = databaseAddress(url);
  try {
    await waitForDatabase({ url, urlVariable, called: 'source database' }, () => pool.query('SELECT 1'));
    await refuseStandby(pool, address, env.changeDetection);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return new SourceDatabase(pool, address);
}

async function loadDatasets(
  { datasetsFile }: CentralEnv,
  { demoData }: SourceOptions,
  { pool, address }: SourceDatabase,
): Promise<CurrentDatasets> {
  const logger = new Logger('Datasets');
  if (demoData && (await loadDemoData(pool))) logger.log('Filled the database with the demo data');
  const datasets = await CurrentDatasets.load(datasetsFile, pool);
  const names = datasets.catalogue.datasets.map(({ schema }) => schema.name);
  logger.log(`${datasetsFile} defines ${names.join(', ')}, read from ${address}`);
  return datasets;
}
