import type { Dataset } from '@rivulet/datasets';
import { FRAME_HEADER_BYTES, type TableContent } from '@rivulet/protocol';
import type { DataSource, EntityManager } from 'typeorm';
import { whileNothingIsCollected } from '../snapshot-locks';
import { StoreLoss } from '../store-loss';

/** The chunks of a snapshot, in order. */
export interface ChunkList {
  digests: Buffer[];
  lastKeys: string[];
}

/**
 * Enters the snapshot under its checksum, unless the same content is there already. A snapshot that has lost a part of its
 * list is replaced.
 *
 * @throws StoreLoss when a chunk of it is no longer stored
 */
export async function recordSnapshot(
  database: DataSource,
  dataset: Dataset,
  content: TableContent,
  list: ChunkList,
): Promise<{ snapshotId: number; wireBytes: number }> {
  return whileNothingIsCollected(database, async (manager) => {
    const known = await findWhole(manager, content.checksum, list);
    if (known !== undefined) return known;
    const [inserted] = await manager.query<SnapshotRow[]>(insertSnapshot, [
      content.checksum,
      dataset.schema.name,
      content.rows,
      content.bytes,
      list.digests,
      FRAME_HEADER_BYTES,
      list.lastKeys,
    ]);
    if (inserted !== undefined) return toNumbers(inserted);
    // Another process may have entered it in this moment.
    const entered = await findWhole(manager, content.checksum, list);
    if (entered !== undefined) return entered;
    throw new StoreLoss(`Chunks of dataset ${dataset.schema.name} were collected while it was read.`);
  });
}

async function findWhole(
  manager: EntityManager,
  checksum: string,
  { digests }: ChunkList,
): Promise<{ snapshotId: number; wireBytes: number } | undefined> {
  const [known] = await manager.query<(SnapshotRow & { isWhole: boolean })[]>(findSnapshot, [
    checksum,
    digests,
  ]);
  if (known === undefined || known.isWhole) return known && toNumbers(known);
  await manager.query('DELETE FROM rivulet.snapshots WHERE snapshot_id = $1', [known.snapshotId]);
  return undefined;
}

interface SnapshotRow {
  snapshotId: string;
  wireBytes: string;
}

function toNumbers(row: SnapshotRow): { snapshotId: number; wireBytes: number } {
  return { snapshotId: Number(row.snapshotId), wireBytes: Number(row.wireBytes) };
}

const findSnapshot = `
SELECT snapshot_id AS "snapshotId", wire_bytes AS "wireBytes",
       ARRAY(
         SELECT digest FROM rivulet.snapshot_chunks listed
         WHERE listed.snapshot_id = snapshots.snapshot_id ORDER BY position
       ) = $2::bytea[] AS "isWhole"
FROM rivulet.snapshots WHERE checksum = $1`;

/** Nothing when a chunk is missing. The length of a block is read from its TOAST pointer, not from the block. */
const insertSnapshot = `
WITH listed AS MATERIALIZED (
  SELECT position - 1 AS position, digest, content_bytes, last_key, octet_length(block) AS block_bytes
  FROM unnest($5::bytea[], $7::text[]) WITH ORDINALITY AS chunk (digest, last_key, position)
  JOIN rivulet.chunks USING (digest)
), snapshot AS (
  INSERT INTO rivulet.snapshots (checksum, dataset, rows, bytes, wire_bytes)
  SELECT $1, $2, $3, $4, coalesce(sum(block_bytes + $6::int), 0) FROM listed
  HAVING count(*) = cardinality($5::bytea[])
  ON CONFLICT (checksum) DO NOTHING
  RETURNING snapshot_id, wire_bytes
), chunks AS (
  INSERT INTO rivulet.snapshot_chunks (snapshot_id, position, digest, content_bytes, last_key)
  SELECT snapshot_id, position, digest, content_bytes, last_key FROM snapshot, listed
)
SELECT snapshot_id AS "snapshotId", wire_bytes AS "wireBytes" FROM snapshot`;
