import { DeviceTables } from '../src/devices/device-tables';
import { DeviceDirectory } from '../src/devices/registry/device-directory';
import { DeviceList } from '../src/devices/registry/device-list';
import { DeviceRegistry } from '../src/devices/registry/device-registry';
import { Presence } from '../src/devices/registry/presence';
import { CentralFixture } from './central-fixture';

/** What one process of central has of the registry. */
export class RegistryProcess {
  readonly tables: DeviceTables;
  readonly directory: DeviceDirectory;
  readonly registry: DeviceRegistry;
  readonly list: DeviceList;
  readonly presence: Presence;

  constructor({ central }: CentralFixture) {
    this.tables = new DeviceTables(central);
    this.directory = new DeviceDirectory(this.tables);
    this.registry = new DeviceRegistry(this.tables, this.directory);
    this.list = new DeviceList(this.tables);
    this.presence = new Presence(this.tables);
  }
}
