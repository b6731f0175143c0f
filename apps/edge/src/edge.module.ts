import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { DatabaseIndicator, databaseModule, HealthModule, MigrationsIndicator } from '@rivulet/platform';
import { CreateSyncTables1763683200000 } from '../../../db/edge/migrations/1763683200000-create-sync-tables';
import { EdgeEnv } from './edge-env';
import { LastSyncIndicator } from './health/last-sync.indicator';
import { EdgeScrubLog } from './state/edge-scrub-log.entity';
import { EdgeSyncLog } from './state/edge-sync-log.entity';
import { EdgeSyncState } from './state/edge-sync-state.entity';
import { EdgeSyncTable } from './state/edge-sync-table.entity';
import { SyncModule } from './sync/sync.module';

/** The composition root of the edge. */
@Module({})
export class EdgeModule {
  static readonly entities = [EdgeSyncState, EdgeSyncTable, EdgeSyncLog, EdgeScrubLog];
  static readonly migrations = [CreateSyncTables1763683200000];

  static forRoot(env: EdgeEnv, databaseUrl: string, macAddress: string): DynamicModule {
    return {
      module: EdgeModule,
      imports: [
        databaseModule({
          url: databaseUrl,
          urlVariable: 'EDGE_DATABASE_URL',
          applicationName: 'rivulet edge',
          poolSize: 5,
          features: [EdgeModule],
        }),
        ScheduleModule.forRoot(),
        SyncModule.forRoot(env, macAddress),
        HealthModule.register({ indicators: [DatabaseIndicator, MigrationsIndicator, LastSyncIndicator] }),
      ],
    };
  }
}
