import { Module } from '@nestjs/common';
import { CreateDevices1795744800000 } from '../../../../db/central/migrations/1795744800000-create-devices';
import { DeviceAuthenticator } from './authentication/device-authenticator';
import { DeviceTables } from './device-tables';
import { DevicesMetrics } from './devices.metrics';
import { DeviceDirectory } from './registry/device-directory';
import { DeviceList } from './registry/device-list';
import { DeviceRegistry } from './registry/device-registry';
import { Presence } from './registry/presence';

/** The registry of everything that connects to central, and how it is known. */
@Module({
  providers: [
    DeviceTables,
    DeviceDirectory,
    DeviceRegistry,
    DeviceList,
    Presence,
    DeviceAuthenticator,
    DevicesMetrics,
  ],
  exports: [DeviceAuthenticator, DevicesMetrics, DeviceRegistry, DeviceList],
})
export class DevicesModule {
  static readonly migrations = [CreateDevices1795744800000];
}
