import { Injectable } from '@nestjs/common';
import { requestInvalid } from '@rivulet/platform';
import { patterns } from '@rivulet/protocol';
import type { DeviceKind, DeviceStatus } from '../device';
import { DeviceTables } from '../device-tables';
import { deviceColumns, type Labels, type RegisteredDevice } from './registered-device';

export const deviceSorts = ['name', 'lastSeenAt', 'createdAt', 'macAddress', 'status'] as const;
export type DeviceSort = (typeof deviceSorts)[number];

export interface DeviceQuery {
  status?: DeviceStatus | undefined;
  kind?: DeviceKind | undefined;
  /** All of them. */
  labels?: Labels | undefined;
  /** A part of the name, in capitals or not. */
  name?: string | undefined;
  macAddress?: string | undefined;
  seenAfter?: Date | undefined;
  /** Also those that were never seen. */
  seenBefore?: Date | undefined;
  sort: DeviceSort;
  descending: boolean;
  limit: number;
  /** The cursor of the previous page. */
  cursor?: string | undefined;
}

export interface DevicePage {
  devices: RegisteredDevice[];
  /** For the next page; missing when this is the last one. */
  cursor?: string;
}

/** Each as text that sorts as its values do; a missing one comes first. Names sort by their bytes. */
const sortColumns: Record<DeviceSort, string> = {
  name: `name COLLATE "C"`,
  lastSeenAt: `coalesce(last_seen_at, '-infinity')`,
  createdAt: 'created_at',
  macAddress: `coalesce(mac_address, '') COLLATE "C"`,
  status: `status COLLATE "C"`,
};
const sortTypes: Record<DeviceSort, string> = {
  name: 'text',
  lastSeenAt: 'timestamptz',
  createdAt: 'timestamptz',
  macAddress: 'text',
  status: 'text',
};

/** The registry, a page at a time. */
@Injectable()
export class DeviceList {
  constructor(private readonly tables: DeviceTables) {}

  /** By keyset: a page costs the same however far down it is, and devices that come and go neither repeat nor hide others. */
  async page(query: DeviceQuery): Promise<DevicePage> {
    const { sort, descending, limit } = query;
    const column = sortColumns[sort];
    const [conditions, values] = this.conditions(query);
    const direction = descending ? 'DESC' : 'ASC';
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const rows = await this.tables.rows<RegisteredDevice & { position: string }>(
      `SELECT ${deviceColumns}, (${column})::text AS position FROM rivulet.devices ${where}
       ORDER BY ${column} ${direction}, device_id ${direction} LIMIT ${limit + 1}`,
      values,
    );
    const devices = rows.slice(0, limit).map(({ position: _position, ...device }) => device);
    if (rows.length <= limit) return { devices };
    const last = rows[limit - 1]!;
    return { devices, cursor: encodeCursor([sort, last.position, last.deviceId]) };
  }

  /** The IDs of those that are served: of a list, or with all of some labels. */
  async activeIds(wanted: { ids: string[] | null; labels: Labels | null; limit: number }): Promise<string[]> {
    const { ids, labels, limit } = wanted;
    const found = await this.tables.rows<{ deviceId: string }>(
      `SELECT device_id AS "deviceId" FROM rivulet.devices
       WHERE status = 'active' AND ($1::text[] IS NULL OR device_id = ANY ($1))
         AND ($2::jsonb IS NULL OR labels @> $2::jsonb)
       ORDER BY device_id LIMIT $3`,
      [ids, labels && JSON.stringify(labels), limit],
    );
    return found.map(({ deviceId }) => deviceId);
  }

  /** Undefined for a device that is not served. */
  async activeLabels(deviceId: string): Promise<Labels | undefined> {
    const [found] = await this.tables.rows<{ labels: Labels }>(
      `SELECT labels FROM rivulet.devices WHERE device_id = $1 AND status = 'active'`,
      [deviceId],
    );
    return found?.labels;
  }

  private conditions(query: DeviceQuery): [conditions: string[], values: unknown[]] {
    const values: unknown[] = [];
    const conditions: string[] = [];
    const add = (value: unknown, condition: (place: string) => string): void => {
      if (value === undefined) return;
      values.push(value);
      conditions.push(condition(`$${values.length}`));
    };
    add(query.status, (place) => `status = ${place}`);
    add(query.kind, (place) => `kind = ${place}`);
    add(query.labels && JSON.stringify(query.labels), (place) => `labels @> ${place}::jsonb`);
    add(query.name, (place) => `strpos(lower(name), lower(${place})) > 0`);
    add(query.macAddress, (place) => `mac_address = ${place}`);
    add(query.seenAfter, (place) => `last_seen_at > ${place}`);
    add(query.seenBefore, (place) => `coalesce(last_seen_at, '-infinity') < ${place}`);
    const cursor = query.cursor === undefined ? undefined : decodeCursor(query.cursor, query.sort);
    if (cursor !== undefined) {
      values.push(...cursor);
      const [position, deviceId] = [values.length - 1, values.length];
      const type = sortTypes[query.sort];
      conditions.push(
        `(${sortColumns[query.sort]}, device_id) ${query.descending ? '<' : '>'} ($${position}::${type}, $${deviceId})`,
      );
    }
    return [conditions, values];
  }
}

function encodeCursor(parts: string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

function decodeCursor(cursor: string, sort: DeviceSort): [position: string, deviceId: string] {
  const [sorted, position = '', deviceId = ''] = parseParts(cursor) ?? [];
  const isPosition = sortTypes[sort] === 'text' ? !position.includes('\0') : isTimestamp(position);
  if (sorted === sort && isPosition && patterns.ulid.test(deviceId)) return [position, deviceId];
  throw requestInvalid([{ field: 'cursor', reason: 'must be the cursor of a page with the same sort' }]);
}

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?[+-](0\d|1[0-4])(:[0-5]\d){0,2}$/;

/** As PostgreSQL prints it, of a day that there is: it refuses every other one. */
function isTimestamp(text: string): boolean {
  const [, year, month, day] = (TIMESTAMP.exec(text) ?? []).map(Number);
  if (year === undefined) return text === '-infinity';
  const date = new Date(Date.UTC(year, month! - 1, day));
  return year > 0 && date.getUTCMonth() === month! - 1 && date.getUTCDate() === day;
}

function parseParts(cursor: string): string[] | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const isList =
      Array.isArray(parts) && parts.length === 3 && parts.every((part) => typeof part === 'string');
    return isList ? parts : undefined;
  } catch {
    return undefined;
  }
}
