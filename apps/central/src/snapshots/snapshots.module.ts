import { Module } from '@nestjs/common';
import { createPool } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { CreateOperationalTables1763683200000 } from '../../../../db/central/migrations/1763683200000-create-operational-tables';
import { BoundTheStore1795759200000 } from '../../../../db/central/migrations/1795759200000-bound-the-store';
import { PackManifests1795842000000 } from '../../../../db/central/migrations/1795842000000-pack-manifests';
import { RememberFolds1795838400000 } from '../../../../db/central/migrations/1795838400000-remember-folds';
import { DatasetsModule } from '../datasets/datasets.module';
import { SourceDatabaseModule } from '../source-database/source-database.module';
import { SourceModule } from '../source/source.module';
import { ChunkStore } from './chunk-store';
import { OWN_DATABASE_URL } from './own-database-url';
import { PatchStore } from './patches/patch-store';
import { PatchService } from './patches/patch.service';
import { ReadyPatches } from './patches/ready-patches';
import { ReadScheduler } from './queue/read-scheduler';
import { RetentionService } from './retention/retention.service';
import { StoreLimit } from './retention/store-limit';
import { StoreIndicator } from './retention/store.indicator';
import { SnapshotCache } from './snapshot-cache';
import { SnapshotCurrency } from './snapshot-currency';
import { SnapshotDatabase } from './snapshot-database';
import { SnapshotLocks } from './snapshot-locks';
import { ChangedChunks } from './reading/changed-chunks';
import { SnapshotReader } from './reading/snapshot-reader';
import { SnapshotService } from './snapshot.service';
import { SnapshotsEnv } from './snapshots.env';
import { SnapshotsMetrics } from './snapshots.metrics';
import { StoreRepair } from './store-repair';

/** Snapshots of the datasets for each scope, patches between them, and their storage. */
@Module({
  imports: [SourceDatabaseModule, DatasetsModule, SourceModule],
  providers: [
    {
      provide: SnapshotDatabase,
      // Takes the connected DataSource, so that it comes after the wait for the database.
      inject: [SnapshotsEnv, OWN_DATABASE_URL, DataSource],
      useFactory: openDatabase,
    },
    ChunkStore,
    SnapshotLocks,
    SnapshotCache,
    SnapshotCurrency,
    ChangedChunks,
    SnapshotReader,
    ReadScheduler,
    SnapshotService,
    PatchStore,
    ReadyPatches,
    PatchService,
    RetentionService,
    StoreLimit,
    StoreIndicator,
    StoreRepair,
    SnapshotsMetrics,
  ],
  exports: [SnapshotCurrency, ChunkStore, SnapshotService, PatchService, StoreIndicator, StoreRepair],
})
export class SnapshotsModule {
  static readonly environment = [SnapshotsEnv];
  static readonly indicators = [StoreIndicator];
  static readonly migrations = [
    CreateOperationalTables1763683200000,
    BoundTheStore1795759200000,
    RememberFolds1795838400000,
    PackManifests1795842000000,
  ];
}

function openDatabase({ maxSnapshotBuilds }: SnapshotsEnv, url: string): SnapshotDatabase {
  const applicationName = 'rivulet central chunks';
  // Each transaction that reads holds one for the locks, and takes another for its chunks; payloads take the rest.
  const maxConnections = 2 * maxSnapshotBuilds + 8;
  return new SnapshotDatabase(createPool({ url, applicationName, maxConnections }));
}
