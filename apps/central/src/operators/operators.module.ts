import { Module } from '@nestjs/common';
import { DatasetsModule } from '../datasets/datasets.module';
import { DevicesModule } from '../devices/devices.module';
import { DeviceSyncModule } from '../device-sync/device-sync.module';
import { SnapshotsModule } from '../snapshots/snapshots.module';
import { SourceDatabaseModule } from '../source-database/source-database.module';
import { SourceModule } from '../source/source.module';
import { UsersModule } from '../users/users.module';
import { DatasetsOperations } from './datasets-operations.service';
import { AgentsAdminController } from './devices/agents-admin.controller';
import { DeviceOperations } from './devices/device-operations.service';
import { DevicesController } from './devices/devices.controller';
import { NetworksController } from './devices/networks.controller';
import { EnrolmentTokensController } from './enrolment-tokens.controller';
import { EpochController } from './epoch.controller';
import { SigningModule } from '../signing/signing.module';
import { SigningKeysController } from './signing-keys.controller';
import { OperatorDatasetsController } from './operator-datasets.controller';

/** The routes of operators. */
@Module({
  imports: [
    UsersModule,
    DeviceSyncModule,
    SnapshotsModule,
    DevicesModule,
    SigningModule,
    SourceDatabaseModule,
    DatasetsModule,
    SourceModule,
  ],
  controllers: [
    OperatorDatasetsController,
    EpochController,
    SigningKeysController,
    EnrolmentTokensController,
    DevicesController,
    NetworksController,
    AgentsAdminController,
  ],
  providers: [DeviceOperations, DatasetsOperations],
})
export class OperatorsModule {}
