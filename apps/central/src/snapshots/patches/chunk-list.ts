import type { DataSource } from 'typeorm';

/** A chunk of a snapshot, as its list names it. */
export interface ListedChunk {
  /** Lower-case hex. */
  digest: string;
  /** The size of its content. */
  bytes: number;
  lastKey: string;
}

export async function readChunkList(database: DataSource, snapshotId: number): Promise<ListedChunk[]> {
  return database.query<ListedChunk[]>(
    `SELECT encode(digest, 'hex') AS digest, content_bytes AS bytes, last_key AS "lastKey"
     FROM rivulet.snapshot_chunks
     WHERE snapshot_id = $1 ORDER BY position`,
    [snapshotId],
  );
}

export function bytesOf(parts: { bytes: number }[]): number {
  return parts.reduce((total, { bytes }) => total + bytes, 0);
}
