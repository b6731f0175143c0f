import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable, preparedStatement } from '@rivulet/postgres';
import { monotonicFactory } from 'ulid';
import type { DeviceKind, DeviceStatus } from '../device';
import { DeviceTables } from '../device-tables';
import { DeviceDirectory } from './device-directory';
import { deviceColumns, type Labels, type RegisteredDevice } from './registered-device';

export interface NewDevice {
  name: string;
  macAddress?: string | undefined;
  kind: DeviceKind;
  status: DeviceStatus;
  labels?: Labels | undefined;
}

/** The fields that an operator may change by hand. Undefined fields stay. */
export interface DeviceChanges {
  name?: string | undefined;
  labels?: Labels | undefined;
}

/** Devices of a trial that are entered in one statement. */
const REGISTERED_AT_ONCE = 200;

/** Writes the registry, but for what Presence writes. */
@Injectable()
export class DeviceRegistry {
  private readonly nextUlid = monotonicFactory();
  private readonly registering = new Batched((macAddresses: string[]) => this.registerAll(macAddresses), {
    maxItems: REGISTERED_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(
    private readonly tables: DeviceTables,
    private readonly directory: DeviceDirectory,
  ) {}

  /** @throws RivuletError DEVICE_MAC_TAKEN */
  async create(device: NewDevice): Promise<RegisteredDevice> {
    const created = await this.insert(device);
    if (created !== undefined) return created;
    throw new RivuletError(
      'DEVICE_MAC_TAKEN',
      `A device with the MAC address ${device.macAddress} is registered already.`,
    );
  }

  /** Enters a device of a trial, which is known by its MAC address alone, unless it is there. */
  async registerByMac(macAddress: string): Promise<void> {
    await this.registering.run(macAddress);
  }

  private async registerAll(macAddresses: string[]): Promise<void[]> {
    const distinct = [...new Set(macAddresses)].toSorted();
    await this.tables.rows(insertByMac, [distinct.map(() => this.nextUlid()), distinct]);
    return macAddresses.map(() => undefined);
  }

  /** @throws RivuletError DEVICE_NOT_REGISTERED */
  async get(deviceId: string): Promise<RegisteredDevice> {
    const [found] = await this.tables.rows<RegisteredDevice>(
      `SELECT ${deviceColumns} FROM rivulet.devices WHERE device_id = $1`,
      [deviceId],
    );
    return found ?? notRegistered(deviceId);
  }

  /** @throws RivuletError DEVICE_NOT_REGISTERED */
  async change(deviceId: string, { name, labels }: DeviceChanges): Promise<RegisteredDevice> {
    const changes = 'name = coalesce($2, name), labels = coalesce($3::jsonb, labels)';
    return this.update(deviceId, changes, [
      name ?? null,
      labels === undefined ? null : JSON.stringify(labels),
    ]);
  }

  /**
   * @param from - the statuses from which it may come
   * @throws RivuletError DEVICE_NOT_REGISTERED · DEVICE_STATUS_CONFLICT
   */
  async setStatus(
    deviceId: string,
    status: DeviceStatus,
    from: readonly DeviceStatus[],
    reason: string | null = null,
  ): Promise<RegisteredDevice> {
    const [changed] = await this.tables.rows<RegisteredDevice>(
      `UPDATE rivulet.devices SET status = $2, status_reason = $3, changed_at = clock_timestamp()
       WHERE device_id = $1 AND status = ANY ($4) RETURNING ${deviceColumns}`,
      [deviceId, status, reason, from],
    );
    this.directory.forget(deviceId);
    if (changed !== undefined) return changed;
    const found = await this.get(deviceId);
    if (found.status === status) return found;
    throw new RivuletError(
      'DEVICE_STATUS_CONFLICT',
      `Device ${deviceId} is ${found.status}; only one that is ${from.join(' or ')} becomes ${status}.`,
    );
  }

  /**
   * A device that was in quarantine has lost its keys: one of those who have them is not the device.
   *
   * @throws RivuletError DEVICE_NOT_REGISTERED · DEVICE_STATUS_CONFLICT
   */
  async reinstate(deviceId: string): Promise<RegisteredDevice> {
    await this.tables.rows(
      `UPDATE rivulet.device_keys AS key SET status = 'retired', retired_at = now() FROM rivulet.devices AS device
       WHERE key.device_id = $1 AND device.device_id = $1 AND device.status = 'quarantined' AND key.status <> 'retired'`,
      [deviceId],
    );
    return this.setStatus(deviceId, 'active', ['revoked', 'quarantined']);
  }

  /** @throws RivuletError DEVICE_NOT_REGISTERED */
  async requestResync(deviceId: string): Promise<RegisteredDevice> {
    return this.update(deviceId, 'resync_since = clock_timestamp()', []);
  }

  /** A resync requested later remains to be done. */
  async finishResync(deviceId: string, requestedAt: Date): Promise<void> {
    await this.tables.rows(
      `UPDATE rivulet.devices SET resync_since = NULL, changed_at = clock_timestamp()
       WHERE device_id = $1 AND date_trunc('milliseconds', resync_since) <= $2`,
      [deviceId, requestedAt],
    );
    this.directory.forget(deviceId);
  }

  /** @throws RivuletError DEVICE_NOT_REGISTERED */
  async remove(deviceId: string): Promise<RegisteredDevice> {
    const [removed] = await this.tables.rows<RegisteredDevice>(removeDevice, [deviceId]);
    this.directory.forget(deviceId);
    return removed ?? notRegistered(deviceId);
  }

  /** Undefined when another has its MAC address. */
  private async insert(device: NewDevice): Promise<RegisteredDevice | undefined> {
    const { name, macAddress = null, kind, status, labels = {} } = device;
    const [created] = await this.tables.rows<RegisteredDevice>(
      `INSERT INTO rivulet.devices (device_id, name, mac_address, kind, status, labels)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (mac_address) DO NOTHING RETURNING ${deviceColumns}`,
      [this.nextUlid(), name, macAddress, kind, status, JSON.stringify(labels)],
    );
    return created;
  }

  private async update(deviceId: string, changes: string, values: unknown[]): Promise<RegisteredDevice> {
    const [changed] = await this.tables.rows<RegisteredDevice>(
      `UPDATE rivulet.devices SET ${changes}, changed_at = clock_timestamp()
       WHERE device_id = $1 RETURNING ${deviceColumns}`,
      [deviceId, ...values],
    );
    this.directory.forget(deviceId);
    return changed ?? notRegistered(deviceId);
  }
}

function notRegistered(deviceId: string): never {
  throw new RivuletError('DEVICE_NOT_REGISTERED', `No device with the id ${deviceId} is registered.`);
}

/** In the order of addresses, so that two processes that enter the same do not wait for each other. */
const insertByMac = preparedStatement(
  'rivulet new devices of a trial',
  `
INSERT INTO rivulet.devices (device_id, name, mac_address, kind, status, labels)
SELECT device_id, 'edge ' || mac_address, mac_address, 'edge', 'active', '{}'
FROM unnest($1::text[], $2::text[]) AS new (device_id, mac_address)
ON CONFLICT (mac_address) DO NOTHING`,
);

/** The note is for the processes of central that remember the device; they do so for seconds. */
const removeDevice = `
WITH removed AS (DELETE FROM rivulet.devices WHERE device_id = $1 RETURNING *),
  note AS (INSERT INTO rivulet.device_removals (device_id) SELECT device_id FROM removed),
  old AS (DELETE FROM rivulet.device_removals WHERE removed_at < now() - interval '1 day')
SELECT ${deviceColumns} FROM removed`;
