import { Module } from '@nestjs/common';
import { CreateDeviceProgress1795834800000 } from '../../../../db/central/migrations/1795834800000-create-device-progress';
import { BusModule } from '../bus/bus.module';
import { DevicesModule } from '../devices/devices.module';
import { DeviceSyncModule } from '../device-sync/device-sync.module';
import { LiveModule } from '../live/live.module';
import { DegradedParts } from './degraded-parts';
import { DeviceProgress } from './device-progress';
import { FleetSummaryService } from './fleet-summary.service';
import { FleetController } from './fleet.controller';
import { FleetEnv } from './fleet.env';
import { FleetMetrics } from './fleet.metrics';

/** How the fleet is, for operators. */
@Module({
  imports: [BusModule, DevicesModule, DeviceSyncModule, LiveModule],
  controllers: [FleetController],
  providers: [DegradedParts, DeviceProgress, FleetSummaryService, FleetMetrics],
})
export class FleetModule {
  static readonly environment = [FleetEnv];
  static readonly migrations = [CreateDeviceProgress1795834800000];
}
