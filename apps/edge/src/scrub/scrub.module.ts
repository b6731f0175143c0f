import { Logger, Module } from '@nestjs/common';
import type { TransactionOptions } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import { MIRROR_LIMITS, MirrorsModule } from '../mirrors/mirrors.module';
import { ScheduleModule } from '../schedule/schedule.module';
import { ScrubLog } from '../state/scrub-log';
import { StateModule } from '../state/state.module';
import { SyncState } from '../state/sync-state';
import { namingErrors } from '../sync/naming-errors';
import { SyncModule } from '../sync/sync.module';
import { SyncService } from '../sync/sync.service';
import { Scrub } from './scrub';
import { ScrubScheduler } from './scrub-scheduler';
import { ScrubController } from './scrub.controller';
import { ScrubEnv } from './scrub.env';
import { ScrubMetrics } from './scrub.metrics';
import { ScrubService } from './scrub.service';

/** Reads all mirrors again and compares them with what was applied. */
@Module({
  imports: [MirrorsModule, ScheduleModule, StateModule, SyncModule],
  controllers: [ScrubController],
  providers: [
    {
      provide: Scrub,
      inject: [DataSource, SyncState, ScrubLog, SyncService, MIRROR_LIMITS],
      useFactory: (
        database: DataSource,
        state: SyncState,
        log: ScrubLog,
        sync: SyncService,
        limits: TransactionOptions,
      ) => {
        return new Scrub({
          database,
          state,
          log,
          limits,
          settled: () => sync.settled(),
          syncAfter: (prepare) => sync.repair(prepare),
          now: () => new Date(),
          newId: monotonicFactory(),
          nameError: namingErrors(new Logger('Scrub'), 'The scrub failed with an unknown error'),
        });
      },
    },
    ScrubService,
    ScrubScheduler,
    ScrubMetrics,
  ],
  exports: [ScrubService],
})
export class ScrubModule {
  static readonly environment = [ScrubEnv];
}
