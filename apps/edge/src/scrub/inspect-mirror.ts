import { mirrorFingerprint, openMirror, scanMirror, type Mirror } from '@rivulet/mirror';
import { compareChunkLists, tableChecksum, type ChunkSpan, type ChunkSummary } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import type { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { readChunks } from '../state/mirror-chunks';
import type { Deviation } from './scrub-result';

/** What a mirror really holds, next to what is recorded of it. */
export interface MirrorInspection {
  recorded: EdgeSyncTable;
  /** `missing`: there is no table with these columns */
  status: 'intact' | 'deviating' | 'missing';
  deviations: Deviation[];
  /** Chunks that were compared. */
  chunks: number;
  /** Of a mirror that deviates: the chunks that it has. */
  found: ChunkSummary[];
}

/**
 * Reads a mirror from beginning to end, cuts and hashes it, and compares with what is recorded. The caller has opened
 * the transaction and pinned the canonical settings, and mirror and record are of one moment.
 *
 * @param onOpened is awaited before the mirror is read
 */
export async function inspectMirror(
  client: ClientBase,
  recorded: EdgeSyncTable,
  onProgress: (rows: number) => void,
  onOpened: (mirror: Mirror) => Promise<void> = () => Promise.resolve(),
): Promise<MirrorInspection> {
  const expected = await readChunks(client, recorded.name);
  const untouched = { recorded, chunks: expected.length, deviations: [], found: [] };
  if ((await mirrorFingerprint(client, recorded)) !== recorded.fingerprint) {
    return { ...untouched, status: 'missing' };
  }
  const mirror = await openMirror(client, recorded);
  await onOpened(mirror);
  const found = await scanMirror(client, mirror, onProgress);
  const digests = digestsOf(found);
  const spans = compareChunkLists(digestsOf(expected), digests);
  if (spans.length === 0 && tableChecksum(recorded.fingerprint, digests) === recorded.checksum) {
    return { ...untouched, status: 'intact' };
  }
  const deviations = spans.map((span) => toDeviation(span, expected, found));
  return { ...untouched, status: 'deviating', deviations, found };
}

function toDeviation(span: ChunkSpan, expected: ChunkSummary[], found: ChunkSummary[]): Deviation {
  const { position, count, newPosition, newCount } = span;
  const before = expected.slice(position, position + count);
  const now = found.slice(newPosition, newPosition + newCount);
  // Their keys are of one range; which of two keys is smaller only PostgreSQL can tell.
  const named = before.length > 0 ? before : now;
  return {
    position,
    chunks: count,
    firstKey: named[0]!.firstKey,
    lastKey: named.at(-1)!.lastKey,
    expectedRows: countRows(before),
    actualRows: countRows(now),
  };
}

function digestsOf(chunks: ChunkSummary[]): string[] {
  return chunks.map(({ digest }) => digest.toString('hex'));
}

function countRows(chunks: ChunkSummary[]): number {
  return chunks.reduce((sum, { rows }) => sum + rows, 0);
}
