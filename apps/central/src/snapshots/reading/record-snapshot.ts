import type { Dataset } from '@rivulet/datasets';
import { FRAME_HEADER_BYTES, type TableContent } from '@rivulet/protocol';
import type { DataSource } from 'typeorm';

/** The chunks of a snapshot, in order. */
export interface ChunkList {
  digests: Buffer[];
  lastKeys: string[];
}

/** Enters the snapshot under its checksum, unless the same content is there already. */
export async function recordSnapshot(
  database: DataSource,
  dataset: Dataset,
  content: TableContent,
  list: ChunkList,
): Promise<{ snapshotId: number; wireBytes: number }> {
  const parameters = [
    content.checksum,
    dataset.schema.name,
    content.rows,
    content.bytes,
    list.digests,
    FRAME_HEADER_BYTES,
    list.lastKeys,
  ];
  const [inserted] = await database.query<SnapshotRow[]>(insertSnapshot, parameters);
  if (inserted !== undefined) return toNumbers(inserted);
  const [existing] = await database.query<SnapshotRow[]>(
    'SELECT snapshot_id AS "snapshotId", wire_bytes AS "wireBytes" FROM rivulet.snapshots WHERE checksum = $1',
    [content.checksum],
  );
  return toNumbers(existing!);
}

interface SnapshotRow {
  snapshotId: string;
  wireBytes: string;
}

function toNumbers(row: SnapshotRow): { snapshotId: number; wireBytes: number } {
  return { snapshotId: Number(row.snapshotId), wireBytes: Number(row.wireBytes) };
}

/** The length of a block is read from its TOAST pointer, not from the block. */
const insertSnapshot = `
WITH listed AS (
  SELECT position - 1 AS position, digest, content_bytes, last_key, octet_length(block) AS block_bytes
  FROM unnest($5::bytea[], $7::text[]) WITH ORDINALITY AS chunk (digest, last_key, position)
  JOIN rivulet.chunks USING (digest)
), snapshot AS (
  INSERT INTO rivulet.snapshots (checksum, dataset, rows, bytes, wire_bytes)
  SELECT $1, $2, $3, $4, (SELECT coalesce(sum(block_bytes + $6::int), 0) FROM listed)
  ON CONFLICT (checksum) DO NOTHING
  RETURNING snapshot_id, wire_bytes
), chunks AS (
  INSERT INTO rivulet.snapshot_chunks (snapshot_id, position, digest, content_bytes, last_key)
  SELECT snapshot_id, position, digest, content_bytes, last_key FROM snapshot, listed
)
SELECT snapshot_id AS "snapshotId", wire_bytes AS "wireBytes" FROM snapshot`;
