import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { versionVectorOf } from '../source/change-detection/version-vector';
import type { Versions } from '../source/change-detection/versions';
import type { BoundDataset } from './bound-dataset';
import type { Snapshot } from './snapshot';

/** A snapshot that shows the rows of now. */
export interface CachedSnapshot extends Snapshot {
  /** How long ago it was read. Matters for polled rows only. */
  ageMs: number;
}

/** Remembers, in central's database, which snapshot a query's result was, and as of which versions of its tables. */
@Injectable()
export class SnapshotCache {
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
      if (polled && row.ageMs >= pollIntervalMs) return undefined;
      const { checksum, ageMs } = row;
      const [snapshotId, rowCount, bytes, wireBytes] = [
        row.snapshotId,
        row.rows,
        row.bytes,
        row.wireBytes,
      ].map(Number) as [number, number, number, number];
      return { dataset, checksum, snapshotId, rows: rowCount, bytes, wireBytes, ageMs };
    });
  }

  /** Enters what a query returned when its tables had these versions. */
  async put(
    { cacheKey, relations, definition }: BoundDataset,
    versions: Versions,
    snapshot: Snapshot,
  ): Promise<void> {
    const stamp = versionVectorOf({ relations, definition }, versions);
    if (stamp === undefined) return;
    await this.database.query(putEntry, [Buffer.from(cacheKey, 'hex'), stamp, snapshot.snapshotId]);
  }
}

interface CacheRow {
  cacheKey: string;
  stamp: string;
  ageMs: number;
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
       wire_bytes AS "wireBytes",
       greatest(0, extract(epoch FROM clock_timestamp() - read_at) * 1000)::float8 AS "ageMs"
FROM rivulet.snapshot_cache JOIN rivulet.snapshots USING (snapshot_id)
WHERE cache_key = ANY ($1)`;

const putEntry = `
INSERT INTO rivulet.snapshot_cache (cache_key, stamp, snapshot_id) VALUES ($1, $2, $3)
ON CONFLICT (cache_key) DO UPDATE
SET stamp = excluded.stamp, snapshot_id = excluded.snapshot_id, read_at = now(), used_at = now()`;
