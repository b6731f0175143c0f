import { Global, Module } from '@nestjs/common';
import { HubModule } from '../hub/hub.module';
import { IdentityModule } from '../identity/identity.module';
import { MirrorsModule } from '../mirrors/mirrors.module';
import { ScheduleModule } from '../schedule/schedule.module';
import { SpoolModule } from '../spool/spool.module';
import { StateModule } from '../state/state.module';
import { AnswerRefusals } from './answer-refusals';
import { cycleProvider } from './cycle.provider';
import { DatabaseOwner } from './database-owner';
import { Freshness } from './freshness';
import { FreshnessMetrics } from './freshness.metrics';
import { LastSyncIndicator } from './last-sync.indicator';
import { StaleWatch } from './stale-watch';
import { SyncScheduler } from './sync-scheduler';
import { SyncController } from './sync.controller';
import { SyncEnv } from './sync.env';
import { SyncMetrics } from './sync.metrics';
import { SyncService } from './sync.service';

/** When and whether to sync, and the sync cycle. */
@Global()
@Module({
  imports: [HubModule, IdentityModule, MirrorsModule, ScheduleModule, SpoolModule, StateModule],
  controllers: [SyncController],
  providers: [
    cycleProvider,
    AnswerRefusals,
    DatabaseOwner,
    Freshness,
    FreshnessMetrics,
    StaleWatch,
    SyncService,
    SyncScheduler,
    SyncMetrics,
    LastSyncIndicator,
  ],
  exports: [AnswerRefusals, Freshness, SyncService, SyncScheduler, LastSyncIndicator],
})
export class SyncModule {
  static readonly environment = [SyncEnv];
  static readonly indicators = [LastSyncIndicator];
}
