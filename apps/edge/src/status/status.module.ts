import { Module } from '@nestjs/common';
import { HubModule } from '../hub/hub.module';
import { IdentityModule } from '../identity/identity.module';
import { LiveModule } from '../live/live.module';
import { ScrubModule } from '../scrub/scrub.module';
import { StateModule } from '../state/state.module';
import { SyncModule } from '../sync/sync.module';
import { StatusController } from './status.controller';

/** One answer about syncs, scrubs and mirrors. */
@Module({
  imports: [HubModule, IdentityModule, LiveModule, ScrubModule, StateModule, SyncModule],
  controllers: [StatusController],
})
export class StatusModule {}
