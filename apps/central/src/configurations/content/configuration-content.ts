import { hasLabel } from '../../devices/has-label';
import type { Labels } from '../../devices/registry/registered-device';

/** Whom an overlay, or a whole version, is for. A label is `name:value`. */
export type Overlay = { label: string; data: unknown } | { device: string; data: unknown };

/** The devices that a version is for: those with any of the labels, and those named. */
export interface Targets {
  labels: string[];
  devices: string[];
}

/** The content of a version. It never changes. */
export interface ConfigurationContent {
  /** For every target. */
  data: unknown;
  /** Merged over it (RFC 7396): first those for labels, in this order, then the one for the device. */
  overlays: Overlay[];
  /** Null: every device. */
  targets: Targets | null;
  pollIntervalSeconds: number;
}

/** The fields of a device that decide what it gets. */
export interface TargetDevice {
  deviceId: string;
  labels: Labels;
}

export function isTarget({ targets }: ConfigurationContent, device: TargetDevice): boolean {
  if (targets === null) return true;
  return (
    targets.devices.includes(device.deviceId) ||
    targets.labels.some((label) => hasLabel(device.labels, label))
  );
}

/** Positions in the overlays, in the order in which they are merged. */
export function overlaysFor({ overlays }: ConfigurationContent, device: TargetDevice): number[] {
  const positions = [...overlays.keys()];
  const isForDevice = (at: number): boolean => 'device' in overlays[at]!;
  return [
    ...positions.filter((at) => !isForDevice(at) && appliesTo(overlays[at]!, device)),
    ...positions.filter((at) => isForDevice(at) && appliesTo(overlays[at]!, device)),
  ];
}

function appliesTo(overlay: Overlay, device: TargetDevice): boolean {
  return 'device' in overlay ? overlay.device === device.deviceId : hasLabel(device.labels, overlay.label);
}
