import { inBatches } from '@rivulet/postgres';
import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { inRange, rangeOfSpan, rangeRows, type ClosedRange, type KeyRange } from '../ranges/key-range';
import { deleteStagedKeys, writeStagedRows, type MergedRows } from './merge-rows';
import type { Mirror } from '../table/mirror-table';
import { findRanges, withSettings } from '../ranges/planner-settings';
import { patchRefused, stagePatches, type StagedPatches } from './stage-patches';
import { emptyStaging, type StagingTable } from './staging';
import { runStatements } from './statement-list';

/** The changes of a merge of patches. */
export interface PatchedRows extends MergedRows {
  /** Positions in the former list of chunks, ascending and not adjacent. */
  spans: PatchedSpan[];
}

/**
 * Applies patches to a mirror. Readers see the old rows until the commit and do not wait for a lock. The caller has
 * opened the transaction (READ COMMITTED), pinned the canonical settings, and proves the mirror afterwards.
 *
 * Patches are not authenticated, and the proof reads only the key ranges that they name. So nothing is changed before
 * PostgreSQL has found all their rows and keys to be inside these ranges.
 *
 * @param base the chunks that the mirror consists of
 * @param contents contents of patch frames, in the order of the plan
 * @throws RivuletError FRAME_INVALID
 */
export async function mergePatches(
  client: ClientBase,
  mirror: Mirror,
  base: readonly ChunkSummary[],
  contents: AsyncIterable<Buffer>,
): Promise<PatchedRows> {
  const staged = await stagePatches(client, mirror, base.length, contents);
  await refuseOutsiders(client, mirror, base, staged);
  const deleted = staged.counts.rivulet_keys === 0 ? 0 : await deleteStagedKeys(client, mirror);
  const written = await writeStagedRows(client, mirror);
  await emptyStaging(client, 'rivulet_keys', 'rivulet_rows');
  return { ...written, deleted, spans: staged.spans };
}

/** Counts the rows inside the ranges. The ranges are disjoint, so the count must equal the number of rows. */
async function refuseOutsiders(
  client: ClientBase,
  mirror: Mirror,
  base: readonly ChunkSummary[],
  { spans, counts }: StagedPatches,
): Promise<void> {
  const ranges = spans.map((span) => rangeOfSpan(base, span));
  for (const staging of ['rivulet_keys', 'rivulet_rows'] as const) {
    if (counts[staging] === 0) continue;
    const statements = countStatements(mirror, staging, ranges);
    const found = await withSettings(client, findRanges, () =>
      runStatements<{ count: string }>(client, statements),
    );
    const inside = found.reduce((sum, { rows }) => sum + Number(rows[0]!.count), 0);
    if (inside !== counts[staging]) throw patchRefused(mirror, 'has rows or keys outside its key ranges');
  }
}

/** Ranges that are counted by one statement. */
const RANGES_AT_ONCE = 500;

/** Statements that count the staged rows in ranges: one for each takes PostgreSQL ten times as long. */
function countStatements(mirror: Mirror, staging: StagingTable, ranges: readonly KeyRange[]): string[] {
  const from = `FROM pg_temp.${staging} AS staged WHERE`;
  const statements = ranges
    .filter((range) => !isClosed(range))
    .map((range) => `SELECT count(*) ${from} ${inRange(mirror, 'staged', range)}`);
  for (const closed of inBatches(ranges.filter(isClosed), () => 1, RANGES_AT_ONCE)) {
    const { rows, isInside } = rangeRows(mirror, 'staged', closed);
    statements.push(
      `SELECT sum(found.count) AS count FROM ${rows} CROSS JOIN LATERAL (SELECT count(*) ${from} ${isInside}) AS found`,
    );
  }
  return statements;
}

function isClosed(range: KeyRange): range is ClosedRange {
  return range.after !== undefined && range.before !== undefined;
}
