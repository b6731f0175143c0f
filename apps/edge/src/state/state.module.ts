import { Module } from '@nestjs/common';
import { CreateSyncTables1763683200000 } from '../../../../db/edge/migrations/1763683200000-create-sync-tables';
import { AllowNudgedCycles1795770000000 } from '../../../../db/edge/migrations/1795770000000-allow-nudged-cycles';
import { RenameVerificationId1795737600000 } from '../../../../db/edge/migrations/1795737600000-rename-verification-id';
import { EdgeScrubLog } from './edge-scrub-log.entity';
import { EdgeSyncLog } from './edge-sync-log.entity';
import { EdgeSyncState } from './edge-sync-state.entity';
import { EdgeSyncTable } from './edge-sync-table.entity';
import { ScrubLog } from './scrub-log';
import { StateMetrics } from './state.metrics';
import { SyncState } from './sync-state';

/** The applied manifest, the recorded content of each mirror, and the logs of cycles and scrubs. */
@Module({
  providers: [SyncState, ScrubLog, StateMetrics],
  exports: [SyncState, ScrubLog],
})
export class StateModule {
  static readonly entities = [EdgeSyncState, EdgeSyncTable, EdgeSyncLog, EdgeScrubLog];
  static readonly migrations = [
    CreateSyncTables1763683200000,
    RenameVerificationId1795737600000,
    AllowNudgedCycles1795770000000,
  ];
}
