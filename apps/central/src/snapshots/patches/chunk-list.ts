import { preparedStatement } from '@rivulet/postgres';
import type { ListedChunk } from '@rivulet/protocol';
import type { DataSource } from 'typeorm';

/** The lists of two snapshots. */
export async function readChunkLists(
  database: DataSource,
  base: number,
  target: number,
): Promise<[ListedChunk[], ListedChunk[]]> {
  const rows = await database.query<(ListedChunk & { isBase: boolean })[]>(listChunks, [base, target]);
  const lists: [ListedChunk[], ListedChunk[]] = [[], []];
  for (const row of rows) lists[row.isBase ? 0 : 1].push(row);
  return lists;
}

/** By primary key. */
const listChunks = preparedStatement(
  'rivulet chunk lists',
  `
SELECT snapshot_id = $1 AS "isBase", encode(digest, 'hex') AS digest, content_bytes AS bytes, last_key AS "lastKey"
FROM rivulet.snapshot_chunks WHERE snapshot_id IN ($1, $2) ORDER BY snapshot_id, position`,
);

export function bytesOf(parts: { bytes: number }[]): number {
  return parts.reduce((total, { bytes }) => total + bytes, 0);
}
