import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { translateDuplicateKeys } from '../table/duplicate-keys';
import { coversHalf, inRange, joinSpans, rangeOfSpan, type KeyRange } from '../ranges/key-range';
import { writeStagedRows, type MergedRows } from './merge-rows';
import type { Mirror } from '../table/mirror-table';
import { findRanges, mergeRanges, withSettings } from '../ranges/planner-settings';
import { sameKey } from './same-key';
import { copyToStaging, createStaging, emptyStaging, indexStaging } from './staging';
import { countRows, runStatements } from './statement-list';
import { explainUnreadable } from '../table/unreadable-value';

/**
 * Replaces the rows of some chunks and writes only rows that differ. Readers see the old rows until the commit and do
 * not wait for a lock. The caller has opened the transaction (READ COMMITTED, which FREEZE requires), pinned the
 * canonical settings, and proves the mirror afterwards.
 *
 * @param base the chunks that the mirror consists of
 * @param spans positions in `base`, ascending
 * @param rows canonical rows of all chunks that replace the spans, in key order. They come from the manifest's chunks,
 *   so it is not checked that each is within a span.
 * @throws RivuletError DATASET_KEY_NOT_UNIQUE · APPLY_FAILED when this PostgreSQL cannot read a value
 */
export async function mergeChunks(
  client: ClientBase,
  mirror: Mirror,
  base: readonly ChunkSummary[],
  spans: Iterable<PatchedSpan>,
  rows: AsyncIterable<Buffer>,
): Promise<MergedRows> {
  const joined = joinSpans(spans);
  const deletions = joined.map((span) => deletionOfUnstaged(mirror, rangeOfSpan(base, span)));
  await createStaging(client, mirror, 'rivulet_rows');
  await copyToStaging(client, 'rivulet_rows', rows).catch((error: unknown) => {
    throw explainUnreadable(mirror.table, error);
  });
  await translateDuplicateKeys(mirror.table, () => indexStaging(client, mirror, 'rivulet_rows'));
  const deleted = await withSettings(client, coversHalf(base, joined) ? mergeRanges : findRanges, () =>
    runStatements(client, deletions),
  );
  const written = await writeStagedRows(client, mirror);
  await emptyStaging(client, 'rivulet_rows');
  return { ...written, deleted: countRows(deleted) };
}

/** Both tables have the range as a condition, so that a merge join reads only the range. */
function deletionOfUnstaged(mirror: Mirror, range: KeyRange): string {
  return `DELETE FROM ${mirror.qualifiedName} AS mirror
    WHERE ${inRange(mirror, 'mirror', range)} AND NOT EXISTS (
      SELECT FROM pg_temp.rivulet_rows AS staged
      WHERE ${sameKey(mirror)} AND ${inRange(mirror, 'staged', range)})`;
}
