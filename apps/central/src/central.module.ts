import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  DatabaseIndicator,
  databaseModule,
  EnvironmentModule,
  HealthModule,
  MigrationsIndicator,
  ServerTls,
  TrustedProxies,
  type EnvClass,
  type Environment,
  type Feature,
} from '@rivulet/platform';
import { BusOptions, resolveBus } from './bus/bus-options';
import { BusEnv } from './bus/bus.env';
import { BusModule } from './bus/bus.module';
import { CentralDatabaseEnv, CentralHttpEnv, CentralServerEnv, CentralTlsEnv } from './central.env';
import { ConfigurationsModule } from './configurations/configurations.module';
import { ClientCertificateSettings } from './devices/authentication/client-certificates';
import { resolveTls } from './http-options';
import { CollectionModule } from './collection/collection.module';
import { DatasetsModule } from './datasets/datasets.module';
import { DeviceSyncModule } from './device-sync/device-sync.module';
import { DevicesModule } from './devices/devices.module';
import { FleetModule } from './fleet/fleet.module';
import { LiveModule } from './live/live.module';
import { OperatorsModule } from './operators/operators.module';
import { OWN_DATABASE_URL } from './snapshots/own-database-url';
import { RolloutsModule } from './rollouts/rollouts.module';
import { SigningModule } from './signing/signing.module';
import { SnapshotsModule } from './snapshots/snapshots.module';
import { SourceDatabaseEnv } from './source-database/source-database.env';
import { SourceDatabaseModule } from './source-database/source-database.module';
import { resolveSource, SourceOptions } from './source-database/source-options';
import { RealtimeModule } from './realtime/realtime.module';
import { SourceModule } from './source/source.module';
import { UsersModule } from './users/users.module';

const features: readonly Feature[] = [
  UsersModule,
  SourceDatabaseModule,
  DatasetsModule,
  SourceModule,
  SnapshotsModule,
  BusModule,
  SigningModule,
  DevicesModule,
  DeviceSyncModule,
  RolloutsModule,
  ConfigurationsModule,
  CollectionModule,
  LiveModule,
  FleetModule,
  OperatorsModule,
  RealtimeModule,
];

/** The composition root of central. */
@Module({})
export class CentralModule {
  /** Everything that central takes from its environment, feature by feature. */
  static readonly environment: readonly EnvClass[] = [
    CentralServerEnv,
    CentralHttpEnv,
    CentralTlsEnv,
    CentralDatabaseEnv,
    ...features.flatMap((feature) => feature.environment ?? []),
  ];

  /** @param own - central's own database */
  static forRoot(
    environment: Environment,
    own: { url: string; isEmbedded: boolean },
    { tls, proxies, certificates } = resolveTls(environment),
  ): DynamicModule {
    return {
      module: CentralModule,
      imports: [
        EnvironmentModule.forRoot(environment, [
          { provide: ServerTls, useValue: tls },
          { provide: TrustedProxies, useValue: proxies },
          { provide: ClientCertificateSettings, useValue: certificates },
          { provide: OWN_DATABASE_URL, useValue: own.url },
          { provide: BusOptions, useValue: resolveBus(environment.section(BusEnv), own.url) },
          { provide: SourceOptions, useValue: resolveSource(environment.section(SourceDatabaseEnv), own) },
        ]),
        databaseModule({
          url: own.url,
          urlVariable: 'CENTRAL_DATABASE_URL',
          applicationName: 'rivulet central',
          poolSize: environment.section(CentralDatabaseEnv).databasePoolSize,
          features,
        }),
        ScheduleModule.forRoot(),
        HealthModule.register({ indicators: [DatabaseIndicator, MigrationsIndicator], features }),
        ...features,
      ],
    };
  }
}
