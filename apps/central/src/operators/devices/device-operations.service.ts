import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import { DeviceHistory, type DeviceSync } from '../../device-sync/device-history';
import type { KeyOfDevice } from '../../devices/registry/device-keys';
import { DeviceKeys } from '../../devices/registry/device-keys';
import { DeviceRegistry } from '../../devices/registry/device-registry';
import type { RegisteredDevice } from '../../devices/registry/registered-device';
import { SnapshotService } from '../../snapshots/snapshot.service';
import { ScopeService, type KnownScope } from '../../source/scope/scope.service';

const SYNCS_SHOWN = 10;

/** The result of the scope query for a device, or why it has none. */
export type ScopeOfDevice = { parameters: Record<string, string | null> } | { code: string; reason: string };

export interface DeviceDetail extends RegisteredDevice {
  keys: KeyOfDevice[];
  scope: ScopeOfDevice;
  syncs: DeviceSync[];
  /** The state that the device has proved last. */
  proved: DeviceSync | null;
}

export interface DevicePreview {
  deviceId: string;
  datasets: { name: string; table: string; rows: number; bytes: number; checksum: string }[];
}

/** Looks at one device from all sides. */
@Injectable()
export class DeviceOperations {
  constructor(
    private readonly registry: DeviceRegistry,
    private readonly keys: DeviceKeys,
    private readonly scopes: ScopeService,
    private readonly snapshots: SnapshotService,
    private readonly history: DeviceHistory,
  ) {}

  /** @throws RivuletError DEVICE_NOT_REGISTERED */
  async detail(deviceId: string): Promise<DeviceDetail> {
    const device = await this.registry.get(deviceId);
    const [keys, syncs, proved] = await Promise.all([
      this.keys.of(deviceId),
      this.history.latest(deviceId, SYNCS_SHOWN),
      this.history.latestApplied(deviceId),
    ]);
    return { ...device, keys, syncs, proved: proved ?? null, scope: await this.scopeOf(device) };
  }

  /**
   * What the device would get if it asked now. Central reads what it has not read yet, as for the device itself.
   *
   * @throws RivuletError DEVICE_NOT_REGISTERED, and what a request of the device would be answered with
   */
  async preview(deviceId: string): Promise<DevicePreview> {
    const known = await this.find(await this.registry.get(deviceId));
    const snapshots = await this.snapshots.bringUpToDate(known);
    const datasets = snapshots.map(({ dataset: { schema }, rows, bytes, checksum }) => {
      return { name: schema.name, table: schema.table, rows, bytes, checksum };
    });
    return { deviceId, datasets };
  }

  private async scopeOf(device: RegisteredDevice): Promise<ScopeOfDevice> {
    try {
      const { scope } = await this.find(device);
      return {
        parameters: Object.fromEntries([...scope.parameters].map(([name, { value }]) => [name, value])),
      };
    } catch (error) {
      const { code, message } = namedError(error);
      return { code, reason: message };
    }
  }

  private async find({ deviceId, name, macAddress }: RegisteredDevice): Promise<KnownScope> {
    if (macAddress !== null) return this.scopes.find({ deviceId, name, macAddress });
    throw new RivuletError('DEVICE_UNKNOWN', `Device ${deviceId} has no MAC address, which a sync needs.`);
  }
}
