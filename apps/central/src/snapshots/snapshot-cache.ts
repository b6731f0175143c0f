import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DataSource } from 'typeorm';
import { versionVectorOf } from '../source/change-detection/version-vector';
import type { Versions } from '../source/change-detection/versions';
import type { BoundDataset } from './bound-dataset';
import type { Snapshot } from './snapshot';

/** A snapshot that shows the rows of now. */
export interface CachedSnapshot extends Snapshot {
  /** How long ago it was read, of polled rows. */
  ageMs: number;
}

/** Reads of polled datasets whose age is known. What is forgotten is read again. */
const READS_KEPT = 100_000;

/**
 * Remembers, in central's database, which snapshot a query's result was, and as of which versions of its tables.
 *
 * How old polled rows are is told by the monotonic clock of the process that has read them. Clocks of the database and of
 * other machines may be set back, and then old rows would pass for new ones; so what another process has read is read again.
 */
@Injectable()
export class SnapshotCache {
  /** What this process has read, by cache key. */
  private readonly reads = new LRUCache<string, { readAt: string; beganMs: number }>({ max: READS_KEPT });

  constructor(private readonly database: DataSource) {}

  /** One entry for each dataset: its snapshot if that is still what the query returns, else undefined. */
  async find(
    bound: BoundDataset[],
    versions: Versions,
    pollIntervalMs: number,
  ): Promise<(CachedSnapshot | undefined)[]> {
    const keys = bound.map(({ cacheKey }) => Buffer.from(cacheKey, 'hex'));
    const rows = await this.database.query<CacheRow[]>(findEntries, [keys]);
    const byKey = new Map(rows.map((row) => [row.cacheKey, row]));
    return bound.map(({ dataset, cacheKey, relations, definition, polled }) => {
      const row = byKey.get(cacheKey);
      if (row === undefined || row.stamp !== versionVectorOf({ relations, definition }, versions))
        return undefined;
      const ageMs = polled ? this.ageOf(row) : 0;
      if (ageMs >= pollIntervalMs) return undefined;
      const { checksum } = row;
      const [snapshotId, rowCount, bytes, wireBytes] = [
        row.snapshotId,
        row.rows,
        row.bytes,
        row.wireBytes,
      ].map(Number) as [number, number, number, number];
      return { dataset, checksum, snapshotId, rows: rowCount, bytes, wireBytes, ageMs };
    });
  }

  /**
   * Enters what a query returned when its tables had these versions.
   *
   * @param beganMs before it was read, by the monotonic clock
   */
  async put(
    { cacheKey, relations, definition, polled }: BoundDataset,
    versions: Versions,
    snapshot: Snapshot,
    beganMs: number,
  ): Promise<void> {
    const stamp = versionVectorOf({ relations, definition }, versions);
    if (stamp === undefined) return;
    const entry = [Buffer.from(cacheKey, 'hex'), stamp, snapshot.snapshotId];
    const [put] = await this.database.query<{ readAt: string }[]>(putEntry, entry);
    if (polled) this.reads.set(cacheKey, { readAt: put!.readAt, beganMs });
  }

  private ageOf({ cacheKey, readAt }: CacheRow): number {
    const read = this.reads.get(cacheKey);
    return read?.readAt === readAt ? performance.now() - read.beganMs : Infinity;
  }
}

interface CacheRow {
  cacheKey: string;
  stamp: string;
  /** Tells one read from another. */
  readAt: string;
  snapshotId: string;
  rows: string;
  bytes: string;
  wireBytes: string;
  checksum: string;
}

/** By primary key. What is in use is marked, but not more than once an hour: the row is read far more often. */
const findEntries = `
WITH used AS (
  UPDATE rivulet.snapshot_cache SET used_at = now()
  WHERE cache_key = ANY ($1) AND used_at < now() - interval '1 hour'
)
SELECT encode(cache_key, 'hex') AS "cacheKey", stamp, snapshot_id AS "snapshotId", rows, bytes, checksum,
       wire_bytes AS "wireBytes", read_at::text AS "readAt"
FROM rivulet.snapshot_cache JOIN rivulet.snapshots USING (snapshot_id)
WHERE cache_key = ANY ($1)`;

const putEntry = `
INSERT INTO rivulet.snapshot_cache (cache_key, stamp, snapshot_id) VALUES ($1, $2, $3)
ON CONFLICT (cache_key) DO UPDATE
SET stamp = excluded.stamp, snapshot_id = excluded.snapshot_id, read_at = now(), used_at = now()
RETURNING read_at::text AS "readAt"`;
