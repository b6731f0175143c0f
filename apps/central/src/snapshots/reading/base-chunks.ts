import { TableHasher } from '@rivulet/protocol';
import type { DataSource } from 'typeorm';
import type { SnapshotBase } from '../snapshot-cache';

/** A chunk of the snapshot that was read last. */
export interface BaseChunk {
  digest: Buffer;
  rows: number;
  bytes: number;
  lastKey: string;
}

/** A list of more chunks, some 4 GiB of rows, is not held in memory. */
const MOST_CHUNKS = 65_536;
/** Bytes of the keys in it. */
const MOST_KEY_BYTES = 16 * 1024 * 1024;

/**
 * The chunks of a snapshot, in order; undefined when the list is too long, or when any of it is lost: each chunk must be stored,
 * and together they must be what the checksum says.
 */
export async function readBaseChunks(
  database: DataSource,
  { snapshotId, checksum, rows, bytes }: SnapshotBase,
  fingerprint: string,
): Promise<BaseChunk[] | undefined> {
  const chunks = await database.query<BaseChunk[]>(baseChunks, [snapshotId, MOST_CHUNKS, MOST_KEY_BYTES]);
  const hasher = new TableHasher(fingerprint);
  for (const chunk of chunks) hasher.add(chunk);
  const found = hasher.finish();
  const isWhole = found.checksum === checksum && found.rows === rows && found.bytes === bytes;
  return isWhole ? chunks : undefined;
}

const baseChunks = `
SELECT listed.digest, chunks.rows, listed.content_bytes AS bytes, last_key AS "lastKey"
FROM rivulet.snapshot_chunks listed JOIN rivulet.chunks USING (digest)
WHERE snapshot_id = $1 AND chunks.content_bytes = listed.content_bytes AND (
  SELECT count(*) <= $2 AND coalesce(sum(length(last_key)), 0) <= $3 FROM rivulet.snapshot_chunks WHERE snapshot_id = $1)
ORDER BY position`;
