import { Module } from '@nestjs/common';
import { RequestsAtOnce } from '@rivulet/platform';
import { CreateOperationalTables1763683200000 } from '../../../../db/central/migrations/1763683200000-create-operational-tables';
import { CreateDevices1795744800000 } from '../../../../db/central/migrations/1795744800000-create-devices';
import { CreateDeviceCredentials1795748400000 } from '../../../../db/central/migrations/1795748400000-create-device-credentials';
import { IndexManifestsByMacAddress1764201600000 } from '../../../../db/central/migrations/1764201600000-index-manifests-by-mac-address';
import { CreatePresence1795831200000 } from '../../../../db/central/migrations/1795831200000-create-presence';
import { CreateDeviceTokens1795755600000 } from '../../../../db/central/migrations/1795755600000-create-device-tokens';
import { KeepSignedReports1795752000000 } from '../../../../db/central/migrations/1795752000000-keep-signed-reports';
import { BoundTheStore1795759200000 } from '../../../../db/central/migrations/1795759200000-bound-the-store';
import { RememberForeignPositions1795762800000 } from '../../../../db/central/migrations/1795762800000-remember-foreign-positions';
import { ChainSigningKeys1795827600000 } from '../../../../db/central/migrations/1795827600000-chain-signing-keys';
import { PackManifests1795842000000 } from '../../../../db/central/migrations/1795842000000-pack-manifests';
import { RememberFolds1795838400000 } from '../../../../db/central/migrations/1795838400000-remember-folds';
import { DatasetsModule } from '../datasets/datasets.module';
import { DevicesModule } from '../devices/devices.module';
import { SigningModule } from '../signing/signing.module';
import { SnapshotsModule } from '../snapshots/snapshots.module';
import { SourceModule } from '../source/source.module';
import { AcknowledgementService } from './acknowledgement.service';
import { AnswerRequestService } from './answer-request.service';
import { AnswersInTheMaking } from './answers-in-the-making';
import { ZlibBlocks } from './block-compression';
import { DeviceHistory } from './device-history';
import { DeviceSyncController } from './device-sync.controller';
import { DamagedFrames } from './damaged-frames';
import { DeviceTroubles } from './device-troubles';
import { DevicesIndicator } from './devices.indicator';
import { EpochService } from './epoch.service';
import { PositionCheck } from './position-check';
import { DeviceSyncMetrics } from './device-sync.metrics';
import { ManifestService } from './manifests/manifest.service';
import { SyncManifestTable } from './manifests/sync-manifest-table.entity';
import { SyncManifest } from './manifests/sync-manifest.entity';
import { TablePlanner } from './manifests/table-planner';
import { PayloadService } from './payload.service';
import { SyncOutcomes } from './sync-outcomes';
import { RequestLog } from './request-log';

/** The routes that a device calls to sync, the manifests behind them, and the log of what was asked. */
@Module({
  imports: [SigningModule, DevicesModule, SnapshotsModule, SourceModule, DatasetsModule],
  controllers: [DeviceSyncController],
  providers: [
    TablePlanner,
    ManifestService,
    RequestLog,
    AnswerRequestService,
    AnswersInTheMaking,
    PayloadService,
    ZlibBlocks,
    AcknowledgementService,
    DeviceHistory,
    DeviceTroubles,
    DamagedFrames,
    PositionCheck,
    EpochService,
    SyncOutcomes,
    DevicesIndicator,
    DeviceSyncMetrics,
  ],
  exports: [SyncOutcomes, DeviceHistory, EpochService, DevicesIndicator],
})
export class DeviceSyncModule {
  static readonly indicators = [DevicesIndicator];
  static readonly entities = [SyncManifest, SyncManifestTable];
  static readonly migrations = [
    CreateOperationalTables1763683200000,
    IndexManifestsByMacAddress1764201600000,
    CreateDevices1795744800000,
    CreateDeviceCredentials1795748400000,
    KeepSignedReports1795752000000,
    CreateDeviceTokens1795755600000,
    BoundTheStore1795759200000,
    RememberForeignPositions1795762800000,
    ChainSigningKeys1795827600000,
    CreatePresence1795831200000,
    RememberFolds1795838400000,
    PackManifests1795842000000,
  ];

  constructor(requests: RequestsAtOnce) {
    requests.limit('/api/device-sync/request');
  }
}
