import { Injectable } from '@nestjs/common';
import { DeviceList } from '../devices/registry/device-list';
import { DeviceRegistry } from '../devices/registry/device-registry';
import type { RegisteredDevice } from '../devices/registry/registered-device';
import { ConfigurationsService, type ProposedVersion } from './configurations.service';
import { isTarget, overlaysFor, type TargetDevice } from './content/configuration-content';
import { CurrentConfigurations } from './current/current-configurations';
import {
  EffectiveConfigurations,
  layerOf,
  type EffectiveConfiguration,
} from './current/effective-configurations';
import { VersionContents } from './current/version-contents';
import type { StoredVersion } from './store/stored-version';

export interface PreviewedDevice {
  deviceId: string;
  name: string;
  changes: boolean;
  sha256: string;
  overlays: string[];
}

export interface Preview {
  targets: number;
  changed: number;
  devices: PreviewedDevice[];
}

const PAGE = 1_000;
const DEVICES_SHOWN = 100;

/** Says what devices get, or would get, without giving them anything. */
@Injectable()
export class PreviewConfiguration {
  constructor(
    private readonly configurations: ConfigurationsService,
    private readonly current: CurrentConfigurations,
    private readonly contents: VersionContents,
    private readonly effectiveOf: EffectiveConfigurations,
    private readonly registry: DeviceRegistry,
    private readonly devices: DeviceList,
  ) {}

  /** @throws RivuletError DEVICE_NOT_REGISTERED · CONFIGURATION_UNKNOWN · CONFIGURATION_VERSION_UNKNOWN */
  async effective(
    name: string,
    deviceId: string,
    version?: number,
  ): Promise<EffectiveConfiguration & { deviceId: string }> {
    const device = await this.registry.get(deviceId);
    const found =
      version === undefined ? undefined : this.effectiveOf.of(await this.contents.get(name, version), device);
    return { ...(found ?? (await this.current.require(name, device))), deviceId };
  }

  /** @throws RivuletError what a version of this content is refused with */
  async preview(name: string, proposed: ProposedVersion): Promise<Preview> {
    const content = await this.configurations.propose(name, proposed);
    // Not one that is stored, so that nothing of it is remembered under the name of another.
    const made = new EffectiveConfigurations();
    const version = { ...content, name, version: 0, sha256: '' } as StoredVersion;
    const preview: Preview = { targets: 0, changed: 0, devices: [] };
    for await (const device of this.activeDevices()) {
      if (!isTarget(content, device)) continue;
      const { sha256 } = made.of(version, device)!;
      const changes = (await this.current.for(name, device))?.sha256 !== sha256;
      preview.targets++;
      if (changes) preview.changed++;
      if (preview.devices.length < DEVICES_SHOWN)
        preview.devices.push({
          deviceId: device.deviceId,
          name: device.name,
          changes,
          sha256,
          overlays: overlays(content, device),
        });
    }
    return preview;
  }

  private async *activeDevices(): AsyncGenerator<RegisteredDevice> {
    let cursor: string | undefined;
    do {
      const page = await this.devices.page({
        status: 'active',
        sort: 'name',
        descending: false,
        limit: PAGE,
        cursor,
      });
      yield* page.devices;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

function overlays(content: Parameters<typeof overlaysFor>[0], device: TargetDevice): string[] {
  return overlaysFor(content, device).map((at) => layerOf(content.overlays[at]!).origin);
}
