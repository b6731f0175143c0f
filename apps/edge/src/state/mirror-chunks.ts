import type { ChunkSummary } from '@rivulet/protocol';
import type { ClientBase } from 'pg';

/** Chunks sent in one statement: about 150 bytes each. */
const BATCH_CHUNKS = 5_000;

const selectDigests = `
  SELECT encode(string_agg(digest, '' ORDER BY position), 'hex') AS digests
  FROM rivulet.edge_mirror_chunks WHERE name = $1`;

const selectChunks = `
  SELECT digest, rows, bytes, first_key AS "firstKey", last_key AS "lastKey"
  FROM rivulet.edge_mirror_chunks WHERE name = $1 ORDER BY position`;

const upsertChunks = `
  INSERT INTO rivulet.edge_mirror_chunks (name, position, digest, rows, bytes, first_key, last_key)
  SELECT $1, changed.*
  FROM unnest($2::integer[], $3::bytea[], $4::integer[], $5::integer[], $6::text[], $7::text[]) AS changed
  ON CONFLICT (name, position) DO UPDATE SET digest = excluded.digest, rows = excluded.rows,
    bytes = excluded.bytes, first_key = excluded.first_key, last_key = excluded.last_key`;

/** SHA-256 in hex of each recorded chunk of this dataset's mirror, in order. */
export async function readChunkDigests(client: ClientBase, name: string): Promise<string[]> {
  const { rows } = await client.query<{ digests: string | null }>(selectDigests, [name]);
  return rows[0]!.digests?.match(/.{64}/g) ?? [];
}

/** The recorded chunks of this dataset's mirror, in order. */
export async function readChunks(client: ClientBase, name: string): Promise<ChunkSummary[]> {
  return (await client.query<ChunkSummary>(selectChunks, [name])).rows;
}

/**
 * Replaces the recorded chunks of a mirror. Only chunks that differ are written: at ten million rows, a change of one row
 * would otherwise write 29,000 rows here.
 *
 * @param recorded the answer of readChunks() in the same transaction; empty to write all chunks
 */
export async function writeChunks(
  client: ClientBase,
  name: string,
  recorded: readonly ChunkSummary[],
  chunks: readonly ChunkSummary[],
): Promise<void> {
  const kept = recorded.length === 0 ? 0 : chunks.length;
  await client.query('DELETE FROM rivulet.edge_mirror_chunks WHERE name = $1 AND position >= $2', [
    name,
    kept,
  ]);
  const changed = [...chunks.entries()].filter(
    ([position, { digest }]) => recorded[position]?.digest.equals(digest) !== true,
  );
  for (let start = 0; start < changed.length; start += BATCH_CHUNKS) {
    const batch = changed.slice(start, start + BATCH_CHUNKS);
    const summaries = batch.map(([, chunk]) => chunk);
    await client.query(upsertChunks, [
      name,
      batch.map(([position]) => position),
      summaries.map(({ digest }) => digest),
      summaries.map(({ rows }) => rows),
      summaries.map(({ bytes }) => bytes),
      summaries.map(({ firstKey }) => firstKey),
      summaries.map(({ lastKey }) => lastKey),
    ]);
  }
}
