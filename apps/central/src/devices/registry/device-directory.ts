import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { atMostEntries, Batched, namedError } from '@rivulet/platform';
import { isDatabaseUnavailable, preparedStatement } from '@rivulet/postgres';
import { LRUCache } from 'lru-cache';
import { deviceKinds, deviceStatuses, type KnownDevice } from '../device';
import { DeviceTables } from '../device-tables';

/** Half of the time in which every process must know of a revoked device, and a little less. */
const POLL_MS = 2_000;
/** Without a poll for this long nothing that is remembered counts. */
const TRUSTED_MS = 4_500;
/** Longer than the transactions of the registry may take: a change becomes visible after it was dated. */
const OVERLAP_MS = 60_000;

/** Devices that are remembered: about 45,000 with a key and a few labels each. */
const DEVICES_MAX_BYTES = 32 * 1024 * 1024;
/** About what one takes, beside its labels, keys and tokens. */
const DEVICE_BYTES = 480;
const LABEL_BYTES = 96;
const DIGEST_BYTES = 88;

const MAC_ADDRESSES_MAX_BYTES = 8 * 1024 * 1024;
const NAMES_KEPT = 10_000;
const MAC_ADDRESS_BYTES = 160;

/** `changedAt` is as PostgreSQL prints it, to the microsecond. */
type RememberedDevice = KnownDevice & { changedAt: string };

type Column = 'device_id' | 'mac_address';

/** Devices that are read in one statement. */
const READ_AT_ONCE = 200;

interface Seen {
  /** By the database's clock. */
  now: Date;
  /** What transactions before this one wrote has been seen. */
  transaction: string;
  /** When the server was started: another one may count transactions differently. */
  server: string;
}

interface Changes extends Seen {
  changes: [deviceId: string, changedAt: string][];
}

/**
 * What each request needs to know of its device, from memory. A change in the registry, by whichever process, takes
 * effect within 5 seconds; while the database cannot be asked for changes, nothing is served from memory.
 */
@Injectable()
export class DeviceDirectory {
  private readonly logger = new Logger('Devices');
  private readonly known = new LRUCache<string, RememberedDevice>({
    maxSize: DEVICES_MAX_BYTES,
    sizeCalculation: sizeOf,
  });
  private readonly idOfMac = new LRUCache<string, string>({
    maxSize: MAC_ADDRESSES_MAX_BYTES,
    sizeCalculation: () => MAC_ADDRESS_BYTES,
  });
  /** For as long as other changes may go unnoticed, too. */
  private readonly idOfName = new LRUCache<string, string>({
    ...atMostEntries(NAMES_KEPT),
    ttl: TRUSTED_MS,
  });
  private readonly reading = {
    device_id: this.readTogether('device_id'),
    mac_address: this.readTogether('mac_address'),
  };
  private polledAtMs = -Infinity;
  private seen: Seen | undefined;
  private polls = 0;

  constructor(private readonly tables: DeviceTables) {}

  /** From memory alone. */
  recall(deviceId: string): KnownDevice | undefined {
    return this.isTrusted ? this.known.get(deviceId) : undefined;
  }

  /** From memory alone, and undefined where the address is not in its normal form. */
  recallByMac(macAddress: string): KnownDevice | undefined {
    const deviceId = this.idOfMac.get(macAddress);
    const known = deviceId === undefined ? undefined : this.recall(deviceId);
    return known?.macAddress === macAddress ? known : undefined;
  }

  async find(deviceId: string): Promise<KnownDevice | undefined> {
    return this.recall(deviceId) ?? this.read('device_id', deviceId);
  }

  async findByMac(macAddress: string): Promise<KnownDevice | undefined> {
    return this.recallByMac(macAddress) ?? this.read('mac_address', macAddress);
  }

  /** Undefined where several have the name: it tells none of them apart. */
  async findByName(name: string): Promise<KnownDevice | undefined> {
    const deviceId = this.idOfName.get(name);
    const known = deviceId === undefined ? undefined : await this.find(deviceId);
    if (known?.name === name) return known;
    const ids = await this.tables.rows<{ deviceId: string }>(
      'SELECT device_id AS "deviceId" FROM rivulet.devices WHERE name = $1 LIMIT 2',
      [name],
    );
    if (ids.length !== 1) return undefined;
    this.idOfName.set(name, ids[0]!.deviceId);
    return this.find(ids[0]!.deviceId);
  }

  forget(deviceId: string): void {
    this.tables.afterCommit(() => this.known.delete(deviceId));
  }

  @Interval('device changes', POLL_MS)
  async pollInBackground(): Promise<void> {
    try {
      await this.poll();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `The registry cannot be asked for changes: ${message}`);
    }
  }

  /** Forgets what has changed since the last time. */
  async poll(): Promise<void> {
    const startMs = performance.now();
    const { now, transaction, server } = this.seen ?? {};
    const since = now && new Date(now.getTime() - OVERLAP_MS);
    const places = [since, transaction, server].map((place) => place ?? null);
    const [{ changes, ...seen }] = (await this.tables.rows<Changes>(changedSince, places)) as [Changes];
    if (since === undefined) this.known.clear();
    this.polls++;
    // Those whose presence was written have changed, too, in nothing that is remembered.
    for (const [deviceId, changedAt] of changes) {
      if (this.known.peek(deviceId)?.changedAt !== changedAt) this.known.delete(deviceId);
    }
    this.seen = seen;
    this.polledAtMs = startMs;
  }

  private get isTrusted(): boolean {
    return performance.now() - this.polledAtMs < TRUSTED_MS;
  }

  private async read(column: Column, value: string): Promise<KnownDevice | undefined> {
    if (this.tables.isInTransaction) return (await this.readAll(column, [value]))[0];
    const { polls } = this;
    const device = await this.reading[column].run(value);
    // What was read before a poll, and came after it, may lack a change that no later poll tells of.
    if (device === undefined || this.polls !== polls) return device;
    this.known.set(device.deviceId, device);
    if (device.macAddress !== null) this.idOfMac.set(device.macAddress, device.deviceId);
    return device;
  }

  private readTogether(column: Column): Batched<string, RememberedDevice | undefined> {
    return new Batched((values) => this.readAll(column, values), {
      maxItems: READ_AT_ONCE,
      isOfAll: isDatabaseUnavailable,
    });
  }

  private async readAll(column: Column, values: string[]): Promise<(RememberedDevice | undefined)[]> {
    const rows = await this.tables.rows<RememberedDevice>(readDevices[column], [[...new Set(values)]]);
    const valueOf = column === 'device_id' ? 'deviceId' : 'macAddress';
    const byValue = new Map(rows.map((row) => [row[valueOf], remembered(row)]));
    return values.map((value) => byValue.get(value));
  }
}

/** What most devices have in common is in memory once. */
function remembered(row: RememberedDevice): RememberedDevice {
  const { deviceId, name, macAddress, kind, status, labels, resyncSince, keys, tokens, changedAt } = row;
  return {
    deviceId,
    name,
    macAddress,
    kind: deviceKinds.find((known) => known === kind)!,
    status: deviceStatuses.find((known) => known === status)!,
    labels: Object.keys(labels).length === 0 ? NO_LABELS : labels,
    resyncSince,
    keys: keys.length === 0 ? NONE : keys,
    tokens: tokens.length === 0 ? NONE : tokens,
    changedAt,
  };
}

const NO_LABELS = Object.freeze({});
const NONE = Object.freeze([]) as unknown as string[];

function sizeOf({ name, labels, keys, tokens }: RememberedDevice): number {
  const texts = Object.entries(labels).map(
    ([label, value]) => LABEL_BYTES + 2 * (label.length + value.length),
  );
  const digests = DIGEST_BYTES * (keys.length + tokens.length);
  return DEVICE_BYTES + 2 * name.length + digests + texts.reduce((sum, bytes) => sum + bytes, 0);
}

/** By the key, or the index on MAC addresses; from the beginning by OFFSET 0. */
function readBy(column: Column): string {
  return preparedStatement(
    `rivulet devices by ${column}`,
    `
SELECT device_id AS "deviceId", name, mac_address AS "macAddress", kind, status, labels, resync_since AS "resyncSince",
  changed_at::text AS "changedAt",
  ARRAY(SELECT thumbprint FROM rivulet.device_keys AS key
        WHERE key.device_id = devices.device_id AND key.status <> 'retired') AS keys,
  ARRAY(SELECT token_digest FROM rivulet.device_tokens AS token
        WHERE token.device_id = devices.device_id) AS tokens
FROM unnest($1::text[]) AS asked (value), LATERAL (
  SELECT * FROM rivulet.devices WHERE ${column} = asked.value OFFSET 0
) AS devices`,
  );
}

const readDevices = { device_id: readBy('device_id'), mac_address: readBy('mac_address') };

/**
 * By the indexes on the times. A transaction may commit long after it has dated its change; of what came in that time, the
 * last poll has seen what was written by transactions that had all ended by then. The time is that of the database, whose
 * clock dates the changes.
 */
const isNew = `($2::text IS NULL OR $3::text <> pg_postmaster_start_time()::text OR age(xmin) <= age($2::xid8::xid))`;
const changedSince = `
SELECT clock_timestamp() AS now, pg_snapshot_xmin(pg_current_snapshot())::text AS transaction,
  pg_postmaster_start_time()::text AS server, coalesce((
  SELECT json_agg(json_build_array(device_id, changed_at)) FROM (
    SELECT device_id, changed_at::text FROM rivulet.devices WHERE changed_at > $1::timestamptz AND ${isNew}
    UNION ALL
    SELECT device_id, 'removed' FROM rivulet.device_removals WHERE removed_at > $1::timestamptz AND ${isNew}
  ) AS changed
), '[]') AS changes`;
