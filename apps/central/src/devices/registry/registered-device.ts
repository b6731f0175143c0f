import type { KnownDevice } from '../device';
import { onlineDevices } from '../presence/connections';

export type Labels = Record<string, string>;

/** A row of the registry. */
export interface RegisteredDevice extends Omit<KnownDevice, 'keys' | 'tokens'> {
  /** Why it has its status, where there is something to say. */
  statusReason: string | null;
  labels: Labels;
  version: string | null;
  /** Where it called from last. */
  address: string | null;
  metrics: Record<string, unknown> | null;
  /** Whether it is connected to a process of central that runs. */
  online: boolean;
  lastSeenAt: Date | null;
  createdAt: Date;
  changedAt: Date;
}

export const deviceColumns = `
  device_id AS "deviceId", name, mac_address AS "macAddress", kind, status, status_reason AS "statusReason", labels,
  version, address, metrics, last_seen_at AS "lastSeenAt", resync_since AS "resyncSince", created_at AS "createdAt",
  changed_at AS "changedAt", device_id IN (${onlineDevices}) AS online`;
