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
import { FeaturesEnv, type EdgeFeature } from './features/features.env';
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

/** What belongs to an optional part. The rest is there always. */
const partOf: ReadonlyMap<Feature, EdgeFeature> = new Map<Feature, EdgeFeature>([
  [SyncModule, 'sync'],
  [ScheduleModule, 'sync'],
  [SpoolModule, 'sync'],
  [MirrorsModule, 'sync'],
  [ScrubModule, 'sync'],
  [StateModule, 'sync'],
  [StatusModule, 'sync'],
  [ConfigurationModule, 'configuration'],
  [CollectionModule, 'collection'],
]);

/** The composition root of the edge. */
@Module({})
export class EdgeModule {
  /** The sections of its environment. */
  static readonly environment: readonly EnvClass[] = [
    EdgeEnv,
    FeaturesEnv,
    ...features.flatMap((feature) => feature.environment ?? []),
  ];

  /** @param databaseUrl - undefined where no part needs one: see FeaturesEnv */
  static forRoot(environment: Environment, databaseUrl: string | undefined): DynamicModule {
    const enabled = environment.section(FeaturesEnv);
    const chosen = features.filter((feature) => {
      const part = partOf.get(feature);
      return part === undefined || enabled.has(part);
    });
    return {
      module: EdgeModule,
      imports: [
        EnvironmentModule.forRoot(environment),
        ...(databaseUrl === undefined ? [] : [edgeDatabase(databaseUrl)]),
        HealthModule.register({
          indicators: databaseUrl === undefined ? [] : [DatabaseIndicator, MigrationsIndicator],
          features: chosen,
        }),
      ],
    };
  }
}

/** With the tables of every part: one that is switched on later finds them. */
function edgeDatabase(url: string): DynamicModule {
  return databaseModule({
    url,
    urlVariable: 'EDGE_DATABASE_URL',
    applicationName: 'rivulet edge',
    poolSize: 5,
    features,
  });
}
