import { Injectable } from '@nestjs/common';
import { configurationDigest } from '@rivulet/protocol';
import { LRUCache } from 'lru-cache';
import { isTarget, overlaysFor, type Overlay, type TargetDevice } from '../content/configuration-content';
import { mergeLayers, type Layer, type MergedDocument } from '../content/merge-patch';
import type { StoredVersion } from '../store/stored-version';

/** The document that a device gets from a version. */
export interface EffectiveConfiguration extends MergedDocument {
  name: string;
  version: number;
  pollIntervalSeconds: number;
  /** The hash of the canonical JSON of the merged data, in hex. */
  sha256: string;
  /** `"3"`, and where overlays apply `"3-9f86d081884c"`: devices with the same version may have different data. */
  etag: string;
}

const MEMORY_MAX_BYTES = 32 * 1024 * 1024;
const OVERHEAD_BYTES = 1_024;

/** Merges a version for a device. Devices to which the same overlays apply share the result. */
@Injectable()
export class EffectiveConfigurations {
  private readonly known = new LRUCache<string, EffectiveConfiguration>({ maxSize: MEMORY_MAX_BYTES });

  /** Undefined where the device is no target. */
  of(version: StoredVersion, device: TargetDevice): EffectiveConfiguration | undefined {
    if (!isTarget(version, device)) return undefined;
    const overlays = overlaysFor(version, device);
    const key = [version.name, version.version, version.sha256, ...overlays].join('\n');
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const made = merge(version, overlays);
    const size = OVERHEAD_BYTES + 2 * JSON.stringify([made.data, made.origins]).length;
    this.known.set(key, made, { size });
    return made;
  }
}

function merge(stored: StoredVersion, positions: number[]): EffectiveConfiguration {
  const { name, version, pollIntervalSeconds } = stored;
  const overlays = positions.map((at) => layerOf(stored.overlays[at]!));
  const merged = mergeLayers([{ origin: 'fleet', data: stored.data }, ...overlays]);
  const sha256 = configurationDigest(merged.data);
  const etag = positions.length === 0 ? `"${version}"` : `"${version}-${sha256.slice(0, 12)}"`;
  return { ...merged, name, version, pollIntervalSeconds, sha256, etag };
}

export function layerOf(overlay: Overlay): Layer {
  const origin = 'device' in overlay ? `device ${overlay.device}` : `label ${overlay.label}`;
  return { origin, data: overlay.data };
}
