import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { DatabaseIndicator, databaseModule, HealthModule, MigrationsIndicator } from '@rivulet/platform';
import { createPool } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { CreateOperationalTables1763683200000 } from '../../../db/central/migrations/1763683200000-create-operational-tables';
import { CentralEnv } from './central-env';
import { ChangeDetection } from './source/change-detection/change-detection';
import { SourceWatch } from './source/change-detection/source-watch';
import { SourceDatabase } from './source-database/source-database';
import type { SourceOptions } from './source-database/resolve-source';
import { SourceModule } from './source-database/source.module';
import { AcknowledgementService } from './device-sync/acknowledgement.service';
import { AnswerRequestService } from './device-sync/answer-request.service';
import { DeviceSyncController } from './device-sync/device-sync.controller';
import { PayloadService } from './device-sync/payload.service';
import { RequestLog } from './device-sync/request-log';
import { DatasetsIndicator } from './datasets/datasets.indicator';
import { SourceIndicator } from './source-database/source.indicator';
import { ManifestService } from './device-sync/manifests/manifest.service';
import { SigningKey } from './device-sync/manifests/signing-key';
import { TablePlanner } from './device-sync/manifests/table-planner';
import { SyncManifestTable } from './device-sync/manifests/sync-manifest-table.entity';
import { SyncManifest } from './device-sync/manifests/sync-manifest.entity';
import { DatasetsOperations } from './operators/datasets-operations.service';
import { OperatorDatasetsController } from './operators/operator-datasets.controller';
import { RetentionService } from './snapshots/retention/retention.service';
import { ScopeService } from './source/scope/scope.service';
import { ChunkStore } from './snapshots/chunk-store';
import { SnapshotCache } from './snapshots/snapshot-cache';
import { SnapshotPatches } from './snapshots/snapshot-patches';
import { SnapshotService } from './snapshots/snapshot.service';

/** The composition root of central. */
@Module({})
export class CentralModule {
  static readonly entities = [SyncManifest, SyncManifestTable];
  static readonly migrations = [CreateOperationalTables1763683200000];

  /** @param databaseUrl of central's own tables */
  static forRoot(env: CentralEnv, databaseUrl: string, source: SourceOptions): DynamicModule {
    return {
      module: CentralModule,
      imports: [
        databaseModule({
          url: databaseUrl,
          urlVariable: 'CENTRAL_DATABASE_URL',
          applicationName: 'rivulet central',
          poolSize: env.databasePoolSize,
          features: [CentralModule],
        }),
        ScheduleModule.forRoot(),
        SourceModule.forRoot(env, source),
        HealthModule.register({
          indicators: [DatabaseIndicator, MigrationsIndicator, SourceIndicator, DatasetsIndicator],
        }),
      ],
      controllers: [DeviceSyncController, OperatorDatasetsController],
      providers: [
        { provide: CentralEnv, useValue: env },
        {
          provide: ChunkStore,
          // Takes the connected DataSource, so that it comes after the wait for the database.
          inject: [DataSource],
          useFactory: () => {
            const applicationName = 'rivulet central chunks';
            // Each build holds one for the lock, and takes another for its chunks; payloads take the rest.
            const maxConnections = 2 * env.maxSnapshotBuilds + 8;
            return new ChunkStore(createPool({ url: databaseUrl, applicationName, maxConnections }));
          },
        },
        {
          provide: SigningKey,
          useFactory: (own: DataSource) => SigningKey.loadOrCreate(own),
          inject: [DataSource],
        },
        {
          provide: ChangeDetection,
          inject: [SourceDatabase],
          useFactory: ({ pool }: SourceDatabase) => {
            return new ChangeDetection(pool, env.changeDetection, env.pollIntervalMs);
          },
        },
        SourceWatch,
        DatasetsOperations,
        ScopeService,
        SnapshotCache,
        SnapshotService,
        SnapshotPatches,
        TablePlanner,
        ManifestService,
        RequestLog,
        AnswerRequestService,
        PayloadService,
        AcknowledgementService,
        RetentionService,
      ],
    };
  }
}
