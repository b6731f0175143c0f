import { deflateSync, inflateSync } from 'node:zlib';
import type { ChunkSummary } from '@rivulet/protocol';

const DIGEST_BYTES = 32;
/** A list of the most chunks with the longest keys that an index can have. */
const LIST_MAX_BYTES = 256 * 1024 * 1024;

type Entry = [digest: string, rows: number, bytes: number, firstKey: string, lastKey: string];

/** A list of chunks in its stored form. */
export function packChunks(chunks: readonly ChunkSummary[]): Buffer {
  const entries = chunks.map(({ digest, rows, bytes, firstKey, lastKey }): Entry => [
    digest.toString('hex'),
    rows,
    bytes,
    firstKey,
    lastKey,
  ]);
  return deflateSync(JSON.stringify(entries));
}

export function unpackChunks(packed: Buffer): ChunkSummary[] {
  const entries = JSON.parse(inflateSync(packed, { maxOutputLength: LIST_MAX_BYTES }).toString()) as Entry[];
  return entries.map(([digest, rows, bytes, firstKey, lastKey]) => {
    return { digest: Buffer.from(digest, 'hex'), rows, bytes, firstKey, lastKey };
  });
}

/** The digests of an offer, in hex; undefined if the text is not a whole number of them. */
export function splitDigests(base64: string): string[] | undefined {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length % DIGEST_BYTES !== 0 || bytes.toString('base64') !== base64) return undefined;
  return Array.from({ length: bytes.length / DIGEST_BYTES }, (_, index) =>
    bytes.toString('hex', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
  );
}
