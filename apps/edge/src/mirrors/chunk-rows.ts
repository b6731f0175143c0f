import type { ChunkSummary } from '@rivulet/protocol';

export function countChunkRows(chunks: readonly ChunkSummary[]): number {
  return chunks.reduce((sum, { rows }) => sum + rows, 0);
}

/** SHA-256 of each chunk, in hex. */
export function digestsOf(chunks: readonly ChunkSummary[]): string[] {
  return chunks.map(({ digest }) => digest.toString('hex'));
}
