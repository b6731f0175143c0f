import { Module, type DynamicModule } from '@nestjs/common';
import {
  DatabaseIndicator,
  databaseModule,
  EnvironmentModule,
  HealthModule,
  MigrationsIndicator,
  type EnvClass,
  type Environment,
  type Feature,
} from '@rivulet/platform';
import { EdgeAccessModule } from './access/access.module';
import { CollectionModule } from './collection/collection.module';
import { EdgeEnv } from './edge-env';
import { ConfigurationModule } from './configuration/configuration.module';
import { HubModule } from './hub/hub.module';
import { IdentityModule } from './identity/identity.module';
import { LiveModule } from './live/live.module';
import { MirrorsModule } from './mirrors/mirrors.module';
import { ScheduleModule } from './schedule/schedule.module';
import { ScrubModule } from './scrub/scrub.module';
import { SpoolModule } from './spool/spool.module';
import { StateModule } from './state/state.module';
import { StatusModule } from './status/status.module';
import { SyncModule } from './sync/sync.module';

const features: readonly Feature[] = [
  EdgeAccessModule,
  HubModule,
  IdentityModule,
  SyncModule,
  ScheduleModule,
  SpoolModule,
  MirrorsModule,
  ScrubModule,
  StateModule,
  LiveModule,
  StatusModule,
  ConfigurationModule,
  CollectionModule,
];

/** The composition root of the edge. */
@Module({})
export class EdgeModule {
  /** The sections of its environment. */
  static readonly environment: readonly EnvClass[] = [
    EdgeEnv,
    ...features.flatMap((feature) => feature.environment ?? []),
  ];

  static forRoot(environment: Environment, databaseUrl: string): DynamicModule {
    return {
      module: EdgeModule,
      imports: [
        EnvironmentModule.forRoot(environment),
        databaseModule({
          url: databaseUrl,
          urlVariable: 'EDGE_DATABASE_URL',
          applicationName: 'rivulet edge',
          poolSize: 5,
          features,
        }),
        HealthModule.register({ indicators: [DatabaseIndicator, MigrationsIndicator], features }),
      ],
    };
  }
}
