import { Injectable } from '@nestjs/common';
import { CHUNK_MAX_BYTES, CHUNK_TARGET_BYTES, type TableContent } from '@rivulet/protocol';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable, preparedStatement } from '@rivulet/postgres';
import { LRUCache } from 'lru-cache';
import { DataSource } from 'typeorm';
import { versionVectorOf } from '../source/change-detection/version-vector';
import type { Versions } from '../source/change-detection/change-log/versions';
import type { BoundDataset } from './bound-dataset';
import type { Snapshot } from './snapshot';

/** A snapshot that shows the rows of now. */
export interface CachedSnapshot extends Snapshot {
  /** How long ago it was read, of polled rows. */
  ageMs: number;
}

/** The last snapshot of a dataset whose rows may have changed, under the same definitions. */
export interface SnapshotBase extends TableContent {
  snapshotId: number;
  /** The id of the versions with which it was read. */
  readAsOf: string;
}

/** A dataset's snapshot and its currency. */
export interface FoundSnapshot {
  /** Undefined when they may be others now. */
  snapshot: CachedSnapshot | undefined;
  /** The bytes of the rows when they were last read; undefined when not known. */
  lastBytes: number | undefined;
  /** Undefined where nothing can be said of what has changed since. */
  base: SnapshotBase | undefined;
}

/** A dataset that has been read, and what its rows were. */
export interface ReadDataset {
  bound: BoundDataset;
  snapshot: Snapshot;
}

/** Reads of polled datasets whose age is known: about 100,000. What is forgotten is read again. */
const READS_MAX_BYTES = 32 * 1024 * 1024;
const READ_BYTES = 320;

/** The smallest dataset of which a part may be read: for this it must be known as of a fold that is still there. */
export const PARTLY_READ_BYTES = 2 * 1024 * 1024;

/**
 * Folds after which it is noted that a snapshot is still that of now. Central forgets old folds, whatever they are of, and
 * a dataset that seldom changes would be read whole each time.
 */
export const REDATED_AFTER_FOLDS = 200;

/** Scopes that are looked up in one statement. */
const LISTS_AT_ONCE = 500;

/**
 * Remembers, in central's database, which snapshot a query's result was, and as of which versions of its tables.
 *
 * How old polled rows are is told by the monotonic clock of the process that has read them. Clocks of the database and of
 * other machines may be set back, and then old rows would pass for new ones; so what another process has read is read again.
 */
@Injectable()
export class SnapshotCache {
  /** The reads of this process, by cache key. */
  private readonly reads = new LRUCache<string, { readAt: string; beganMs: number }>({
    maxSize: READS_MAX_BYTES,
    sizeCalculation: () => READ_BYTES,
  });

  private readonly lookUps = new Batched((lists: string[][]) => this.lookUp(lists), {
    maxItems: LISTS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(private readonly database: DataSource) {}

  /** One entry for each dataset. Who asks while others are looked up is looked up with all who ask meanwhile. */
  async find(bound: BoundDataset[], versions: Versions, pollIntervalMs: number): Promise<FoundSnapshot[]> {
    const byKey = await this.lookUps.run(bound.map(({ cacheKey }) => cacheKey));
    const old: CacheRow[] = [];
    const found = bound.map(({ dataset, cacheKey, relations, definition, polled }) => {
      const row = byKey.get(cacheKey);
      if (row === undefined) return { snapshot: undefined, lastBytes: undefined, base: undefined };
      const lastBytes = Number(row.bytes);
      const base = polled ? undefined : baseOf(row, definition);
      const stale = { snapshot: undefined, lastBytes, base };
      if (row.stamp !== versionVectorOf({ relations, definition }, versions)) return stale;
      const ageMs = polled ? this.ageOf(row) : 0;
      if (ageMs >= pollIntervalMs) return stale;
      if (base !== undefined && isOld(base, versions)) old.push(row);
      const { checksum } = row;
      const [snapshotId, rows, wireBytes] = [row.snapshotId, row.rows, row.wireBytes].map(Number) as [
        number,
        number,
        number,
      ];
      const snapshot = { dataset, checksum, snapshotId, rows, bytes: lastBytes, wireBytes, ageMs };
      return { snapshot, lastBytes, base: undefined };
    });
    for (const row of old) await this.redate(row, versions);
    return found;
  }

  /**
   * Enters what queries returned when their tables had these versions.
   *
   * @param beganMs before they were read, by the monotonic clock
   */
  async put(read: ReadDataset[], versions: Versions, beganMs: number): Promise<void> {
    const entries = read.flatMap(({ bound, snapshot: { snapshotId } }) => {
      const stamp = versionVectorOf(bound, versions);
      return stamp === undefined ? [] : [{ cacheKey: bound.cacheKey, stamp, snapshotId }];
    });
    if (entries.length === 0) return;
    const rows = await this.database.query<Pick<CacheRow, 'cacheKey' | 'readAt'>[]>(putEntries, [
      entries.map(({ cacheKey }) => Buffer.from(cacheKey, 'hex')),
      entries.map(({ stamp }) => stamp),
      entries.map(({ snapshotId }) => snapshotId),
      entries.map(({ snapshotId }) => readAsOf(snapshotId, versions.id)),
    ]);
    const polled = new Set(read.filter(({ bound }) => bound.polled).map(({ bound }) => bound.cacheKey));
    for (const { cacheKey, readAt } of rows)
      if (polled.has(cacheKey)) this.reads.set(cacheKey, { readAt, beganMs });
  }

  /**
   * Notes that what was read is also the content as of these versions. Its stamp is theirs: of the folds since it was
   * read none concerns it.
   */
  private async redate({ cacheKey, stamp, snapshotId, readAsOf: before }: CacheRow, { id }: Versions) {
    const after = readAsOf(snapshotId, id);
    await this.database.query(redateEntry, [Buffer.from(cacheKey, 'hex'), stamp, before, after]);
  }

  private async lookUp(lists: string[][]): Promise<Map<string, CacheRow>[]> {
    const keys = [...new Set(lists.flat())].map((key) => Buffer.from(key, 'hex'));
    const rows = await this.database.query<CacheRow[]>(findEntries, [keys]);
    const byKey = new Map(rows.map((row) => [row.cacheKey, row]));
    return lists.map(() => byKey);
  }

  private ageOf({ cacheKey, readAt }: CacheRow): number {
    const read = this.reads.get(cacheKey);
    return read?.readAt === readAt ? performance.now() - read.beganMs : Infinity;
  }
}

/** A part of the chunks can be cut again only as the rest was cut. */
const CUT = `${CHUNK_TARGET_BYTES}/${CHUNK_MAX_BYTES}`;

/** Names the snapshot, too: a central of an earlier version enters another one and leaves this as it is. */
function readAsOf(snapshotId: number | string, versionsId: string): string {
  return `${snapshotId} ${CUT} ${versionsId}`;
}

/** How many folds lie between two versions; NaN where these are none of a log. */
export function foldsBetween(earlierId: string, laterId: string): number {
  return Number(laterId.split('.')[0]) - Number(earlierId.split('.')[0]);
}

function isOld({ bytes, readAsOf: earlierId }: SnapshotBase, { id }: Versions): boolean {
  return bytes >= PARTLY_READ_BYTES && foldsBetween(earlierId, id) >= REDATED_AFTER_FOLDS;
}

function baseOf(row: CacheRow, definition: string): SnapshotBase | undefined {
  const { stamp, snapshotId, rows, bytes, checksum } = row;
  const prefix = readAsOf(snapshotId, '');
  if (definition === '' || !stamp.startsWith(`${definition} `)) return undefined;
  if (row.readAsOf?.startsWith(prefix) !== true) return undefined;
  return {
    snapshotId: Number(snapshotId),
    checksum,
    rows: Number(rows),
    bytes: Number(bytes),
    readAsOf: row.readAsOf.slice(prefix.length),
  };
}

interface CacheRow {
  cacheKey: string;
  stamp: string;
  readAsOf: string | null;
  /** Tells one read from another. */
  readAt: string;
  snapshotId: string;
  rows: string;
  bytes: string;
  wireBytes: string;
  checksum: string;
}

/** By primary keys, to which OFFSET 0 holds PostgreSQL while it does not know how many rows there are. What is in use is marked, but not more than once an hour: the row is read far more often. */
const findEntries = preparedStatement(
  'rivulet cached snapshots',
  `
WITH used AS (
  UPDATE rivulet.snapshot_cache SET used_at = now()
  WHERE cache_key = ANY ($1) AND used_at < now() - interval '1 hour'
)
SELECT encode(cache_key, 'hex') AS "cacheKey", stamp, snapshot_id AS "snapshotId", rows, bytes, checksum,
       wire_bytes AS "wireBytes", read_at::text AS "readAt", read_as_of AS "readAsOf"
FROM rivulet.snapshot_cache AS entry, LATERAL (
  SELECT rows, bytes, checksum, wire_bytes FROM rivulet.snapshots
  WHERE snapshots.snapshot_id = entry.snapshot_id OFFSET 0
) AS snapshot
WHERE cache_key = ANY ($1)`,
);

/** In the order of keys, so that two processes that enter the same do not wait for each other. */
const putEntries = preparedStatement(
  'rivulet new cached snapshots',
  `
INSERT INTO rivulet.snapshot_cache (cache_key, stamp, snapshot_id, read_as_of)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::text[])
  AS entry (cache_key, stamp, snapshot_id, read_as_of) ORDER BY cache_key
ON CONFLICT (cache_key) DO UPDATE
SET stamp = excluded.stamp, snapshot_id = excluded.snapshot_id, read_as_of = excluded.read_as_of, read_at = now(),
  used_at = now()
RETURNING encode(cache_key, 'hex') AS "cacheKey", read_at::text AS "readAt"`,
);

/** Nothing where somebody else has entered or dated it meanwhile. */
const redateEntry = `
UPDATE rivulet.snapshot_cache SET read_as_of = $4 WHERE cache_key = $1 AND stamp = $2 AND read_as_of = $3`;
