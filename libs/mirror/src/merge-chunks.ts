import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { namingDuplicateKeys } from './duplicate-keys';
import { coversHalf, inRange, joinSpans, rangeOfSpan, type KeyRange } from './key-range';
import { sameKey, writeStagedRows, type MergedRows } from './merge-rows';
import type { Mirror } from './mirror-table';
import { findRanges, mergeRanges, withSettings } from './planner-settings';
import { copyToStaging, createStaging, dropStaging, indexStaging } from './staging';
import { countRows, runStatements } from './statement-list';
import { explainUnreadable } from './unreadable-value';

/**
 * Replaces the rows of some chunks by others, and touches only those that differ. Readers go on reading the old
 * ones until the commit, as no lock is taken that they would wait for. The caller has opened the transaction (READ
 * COMMITTED, as FREEZE demands) and pinned the canonical settings, and proves the mirror afterwards.
 *
 * @param base the chunks that the mirror consists of
 * @param spans places in `base`, ascending
 * @param rows canonical rows of all chunks that come in place of the spans, in key order. They are taken as the
 *   manifest's own: that each is within a span is not checked.
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
  await namingDuplicateKeys(mirror.table, () => indexStaging(client, mirror, 'rivulet_rows'));
  const deleted = await withSettings(client, coversHalf(base, joined) ? mergeRanges : findRanges, () =>
    runStatements(client, deletions),
  );
  const written = await writeStagedRows(client, mirror);
  await dropStaging(client, 'rivulet_rows');
  return { ...written, deleted: countRows(deleted) };
}

/** The range is named for both tables, so that merging them begins and ends with it. */
function deletionOfUnstaged(mirror: Mirror, range: KeyRange): string {
  return `DELETE FROM ${mirror.qualifiedName} AS mirror
    WHERE ${inRange(mirror, 'mirror', range)} AND NOT EXISTS (
      SELECT FROM pg_temp.rivulet_rows AS staged
      WHERE ${sameKey(mirror)} AND ${inRange(mirror, 'staged', range)})`;
}
