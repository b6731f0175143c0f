import { Global, Module } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { createPool } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { HubModule } from '../hub/hub.module';
import { parseAllowed } from './allowed-relations';
import { CollectionDatabase } from './collection-database';
import { CollectionEnv } from './collection.env';
import { CollectionIndicator } from './collection.indicator';
import { CollectionMetrics } from './collection.metrics';
import { CollectionService } from './collection.service';
import { Clocks } from './offline/central-time';

/** Rows that central collects from this device, as far as the device allows it. */
@Global()
@Module({
  imports: [HubModule],
  providers: [
    {
      provide: CollectionDatabase,
      inject: [CollectionEnv, DataSource],
      useFactory: ({ databaseUrl }: CollectionEnv, own: DataSource) => {
        const url = databaseUrl ?? (own.options as PostgresDataSourceOptions).url!;
        return new CollectionDatabase(
          createPool({ url, applicationName: 'rivulet edge collection', maxConnections: 1 }),
        );
      },
    },
    CollectionMetrics,
    CollectionIndicator,
    Clocks,
    CollectionService,
  ],
  exports: [CollectionService, CollectionIndicator],
})
export class CollectionModule {
  static readonly environment = [CollectionEnv];
  static readonly indicators = [CollectionIndicator];

  /** @throws RivuletError ENVIRONMENT_INVALID */
  constructor({ allow }: CollectionEnv) {
    const wrong = allow.find((text) => parseAllowed(text) === undefined);
    if (wrong === undefined) return;
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `EDGE_COLLECT_ALLOW has "${wrong}", which is not the name of a table or view.`,
    );
  }
}
