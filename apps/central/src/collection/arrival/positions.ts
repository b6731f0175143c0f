import { tableChecksum, type ChunkSummary } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { packChunks, unpackChunks } from './chunk-lists';

/** The position committed for a network and a schema. */
export interface Position {
  /** The fingerprint of the columns that `chunks` are made of. */
  fingerprint: string | null;
  /** A mirror's chunks. */
  chunks: ChunkSummary[];
  /** SHA-256 of these chunks; null without chunks. */
  checksum: string | null;
  /** The highest value that append mode has committed. */
  watermark: string | null;
}

export async function readPosition(
  client: Pick<ClientBase, 'query'>,
  schemaId: string,
  deviceId: string,
): Promise<Position> {
  const { rows } = await client.query<{
    fingerprint: string | null;
    chunks: Buffer | null;
    checksum: string | null;
    watermark: string | null;
  }>(
    'SELECT fingerprint, chunks, checksum, watermark FROM rivulet.collection_positions WHERE schema_id = $1 AND device_id = $2',
    [schemaId, deviceId],
  );
  const { fingerprint = null, chunks = null, checksum = null, watermark = null } = rows[0] ?? {};
  return { fingerprint, checksum, watermark, chunks: chunks === null ? [] : unpackChunks(chunks) };
}

export async function writePosition(
  client: ClientBase,
  { schemaId, deviceId, runId }: { schemaId: string; deviceId: string; runId: string },
  { fingerprint, chunks, watermark }: Omit<Position, 'checksum'> & { fingerprint: string },
): Promise<void> {
  const isMirror = chunks.length > 0;
  const digests = chunks.map(({ digest }) => digest.toString('hex'));
  await client.query(
    `INSERT INTO rivulet.collection_positions (schema_id, device_id, fingerprint, chunks, watermark, run_id, checksum)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (schema_id, device_id) DO UPDATE SET
       (fingerprint, chunks, checksum, watermark, run_id, applied_at) =
       (excluded.fingerprint, excluded.chunks, excluded.checksum, excluded.watermark, excluded.run_id, now())`,
    [
      schemaId,
      deviceId,
      fingerprint,
      isMirror ? packChunks(chunks) : null,
      watermark,
      runId,
      isMirror ? tableChecksum(fingerprint, digests) : null,
    ],
  );
}
