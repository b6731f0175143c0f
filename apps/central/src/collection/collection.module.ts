import { Module } from '@nestjs/common';
import { OwnTables } from '@rivulet/platform';
import { createPool } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { CreateCollection1795780800000 } from '../../../../db/central/migrations/1795780800000-create-collection';
import { SettingsOfCollection1795845600000 } from '../../../../db/central/migrations/1795845600000-settings-of-collection';
import { BusModule } from '../bus/bus.module';
import { DevicesModule } from '../devices/devices.module';
import { LiveModule } from '../live/live.module';
import { RealtimeModule } from '../realtime/realtime.module';
import { SigningModule } from '../signing/signing.module';
import { UsersModule } from '../users/users.module';
import { OWN_DATABASE_URL } from '../snapshots/own-database-url';
import { AgentDataService } from './agents/agent-data.service';
import { AgentJobs } from './agents/agent-jobs';
import { AgentMessages } from './agents/agent-messages';
import { ConnectedNetworks } from './agents/connected-networks';
import { ApplyOffer } from './arrival/apply-offer';
import { ArrivalService } from './arrival/arrival.service';
import { ArrivedChunks } from './arrival/arrived-chunks';
import { Quotas } from './arrival/quotas';
import { Receipts } from './arrival/receipts';
import { CollectionDatabase } from './collection-database';
import { CollectionEnv } from './collection.env';
import { CollectionIndicator } from './collection.indicator';
import { CollectionMetrics } from './collection.metrics';
import { JobStore } from './definitions/job-store';
import { SchemaStore } from './definitions/schema-store';
import { JobsController } from './http/jobs.controller';
import { RunsController } from './http/runs.controller';
import { SchemasController } from './http/schemas.controller';
import { TasksController } from './http/tasks.controller';
import { KeptRuns } from './kept/kept-runs';
import { KeptSchedule } from './kept/kept-schedule';
import { DueRuns } from './runs/due-runs';
import { RunAnnouncer } from './runs/run-announcer';
import { RunCleaner } from './runs/run-cleaner';
import { RunProgress } from './runs/run-progress';
import { RunScheduler } from './runs/run-scheduler';
import { RunSettler } from './runs/run-settler';
import { RunStarter } from './runs/run-starter';
import { RunStore } from './runs/run-store';
import { TaskQueue } from './runs/task-queue';

/** Rows that come up: schemas, jobs and their runs, and what networks send for them. */
@Module({
  imports: [BusModule, DevicesModule, LiveModule, RealtimeModule, SigningModule, UsersModule],
  controllers: [SchemasController, JobsController, RunsController, TasksController],
  providers: [
    OwnTables,
    {
      provide: CollectionDatabase,
      // Takes the connected DataSource, so that it comes after the wait for the database.
      inject: [CollectionEnv, OWN_DATABASE_URL, DataSource],
      useFactory: openDatabase,
    },
    SchemaStore,
    JobStore,
    RunStore,
    DueRuns,
    RunSettler,
    RunStarter,
    RunScheduler,
    RunAnnouncer,
    RunCleaner,
    RunProgress,
    TaskQueue,
    Quotas,
    KeptRuns,
    KeptSchedule,
    Receipts,
    ArrivedChunks,
    ApplyOffer,
    ArrivalService,
    AgentMessages,
    AgentJobs,
    AgentDataService,
    ConnectedNetworks,
    CollectionMetrics,
    CollectionIndicator,
  ],
  exports: [CollectionIndicator],
})
export class CollectionModule {
  static readonly environment = [CollectionEnv];
  static readonly indicators = [CollectionIndicator];
  static readonly migrations = [CreateCollection1795780800000, SettingsOfCollection1795845600000];
}

function openDatabase({ applies }: CollectionEnv, url: string): CollectionDatabase {
  // Each apply holds one and reads its chunks on another; requests take the rest.
  const maxConnections = 2 * applies + 6;
  return new CollectionDatabase(
    createPool({ url, applicationName: 'rivulet central collection', maxConnections }),
  );
}
