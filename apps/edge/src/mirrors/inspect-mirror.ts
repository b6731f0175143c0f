import { mirrorFingerprint, openMirror, scanMirror, type Mirror } from '@rivulet/mirror';
import { compareChunkLists, tableChecksum, type ChunkSpan, type ChunkSummary } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import type { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { readChunks } from '../state/mirror-chunks';
import type { Deviation } from '../state/scrub-result';
import { countChunkRows, digestsOf } from './chunk-rows';

/** The actual content of a mirror, compared with its record. */
export interface MirrorInspection {
  recorded: EdgeSyncTable;
  /** `missing`: no table has these columns */
  status: 'intact' | 'deviating' | 'missing';
  deviations: Deviation[];
  /** Number of recorded chunks. */
  chunks: number;
  /** The chunks of a mirror that deviates. */
  found: ChunkSummary[];
}

/**
 * Reads a whole mirror, cuts and hashes it, and compares it with its record. The caller has opened the transaction and
 * pinned the canonical settings; mirror and record must be of the same moment.
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
  // Both cover one range of keys. Only PostgreSQL can tell which of two keys is smaller.
  const named = before.length > 0 ? before : now;
  return {
    position,
    chunks: count,
    firstKey: named[0]!.firstKey,
    lastKey: named.at(-1)!.lastKey,
    expectedRows: countChunkRows(before),
    actualRows: countChunkRows(now),
  };
}

/** How many chunks of an inspected mirror differ. Rows in a place without a recorded chunk count as one. */
export function countDeviatingChunks({ status, chunks, deviations }: MirrorInspection): number {
  if (status === 'missing') return chunks;
  return deviations.reduce((sum, deviation) => sum + Math.max(1, deviation.chunks), 0);
}
