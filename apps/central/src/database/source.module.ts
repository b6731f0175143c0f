import { Logger, Module, type DynamicModule } from '@nestjs/common';
import { createPool } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { CentralEnv } from '../central-env';
import { DatasetCatalogue } from '../datasets/dataset-catalogue';
import { loadDemoData } from './demo-data';
import { SourceDatabase } from './source-database';

export interface SourceOptions {
  url: string;
  /** Whether to fill an empty database with the demo companies. */
  demoData: boolean;
}

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
          // Takes the connected DataSource, so that it comes after the wait for the database.
          inject: [DataSource],
          useFactory: () => {
            const { sourcePoolSize: maxConnections } = env;
            return new SourceDatabase(
              createPool({ url: options.url, applicationName: 'rivulet central source', maxConnections }),
            );
          },
        },
        {
          provide: DatasetCatalogue,
          inject: [SourceDatabase],
          useFactory: async ({ pool }: SourceDatabase) => {
            const logger = new Logger('Datasets');
            if (options.demoData && (await loadDemoData(pool)))
              logger.log('Filled the database with the demo data');
            const catalogue = await DatasetCatalogue.load(env.datasetsFile, pool);
            logger.log(
              `${env.datasetsFile} defines ${catalogue.datasets.map(({ schema }) => schema.name).join(', ')}`,
            );
            return catalogue;
          },
        },
      ],
      exports: [SourceDatabase, DatasetCatalogue],
    };
  }
}
