import { RivuletError } from '@rivulet/errors';
import { parsePatch, type PatchedSpan, type PatchRange } from '@rivulet/protocol';
import { isPostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { joinSpans } from '../ranges/key-range';
import type { Mirror } from '../table/mirror-table';
import { copyToStaging, createStaging, indexStaging, type StagingTable } from './staging';

/** Size of a batch of contents that is staged at once. */
const BATCH_BYTES = 1024 * 1024;

/** Patches whose keys and rows are in the staging tables. */
export interface StagedPatches {
  spans: PatchedSpan[];
  /** The number of rows in each table. */
  counts: Record<StagingTable, number>;
}

/**
 * Copies the contents of patch frames into `rivulet_keys` and `rivulet_rows`.
 *
 * @throws RivuletError FRAME_INVALID when they cannot be read
 */
export async function stagePatches(
  client: ClientBase,
  mirror: Mirror,
  baseChunks: number,
  contents: AsyncIterable<Buffer>,
): Promise<StagedPatches> {
  try {
    await createStaging(client, mirror, 'rivulet_keys');
    await createStaging(client, mirror, 'rivulet_rows');
    const spans: PatchedSpan[] = [];
    const counts = { rivulet_keys: 0, rivulet_rows: 0 };
    for await (const ranges of batchesOf(contents, baseChunks)) {
      for (const { position, count } of ranges) spans.push({ position, count });
      const keys = ranges.flatMap((range) => range.deletedKeys);
      const rows = ranges.flatMap((range) => range.rows);
      counts.rivulet_keys += await stageLines(client, mirror, 'rivulet_keys', keys);
      counts.rivulet_rows += await stageLines(client, mirror, 'rivulet_rows', rows);
    }
    if (counts.rivulet_keys > 0) await indexStaging(client, mirror, 'rivulet_keys');
    await indexStaging(client, mirror, 'rivulet_rows');
    // A range may continue in the next content, under the same span.
    return { spans: joinSpans(spans), counts };
  } catch (error) {
    // PostgreSQL cannot read a value (class 22, and 42601 for jsonpath), or a key is NULL or repeated.
    if (!isPostgresError(error) || !/^22|^42601|^23502|^23505/.test(error.code)) throw error;
    throw patchRefused(mirror, `has a value that PostgreSQL rejects: ${error.message}`, error);
  }
}

export function patchRefused(mirror: Mirror, problem: string, cause?: unknown): RivuletError {
  return new RivuletError('FRAME_INVALID', `A patch of table ${mirror.table.table} ${problem}.`, { cause });
}

async function* batchesOf(
  contents: AsyncIterable<Buffer>,
  baseChunks: number,
): AsyncGenerator<PatchRange[], void> {
  let batch: PatchRange[] = [];
  let bytes = 0;
  let previous: PatchRange | undefined;
  for await (const content of contents) {
    const ranges = parsePatch(content, baseChunks, previous);
    previous = ranges.at(-1);
    batch.push(...ranges);
    bytes += content.length;
    if (bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  yield batch;
}

/**
 * Checks that PostgreSQL read every line as one row: it ends its input at a line `\.`, and joins lines at a backslash
 * before the line end.
 */
async function stageLines(
  client: ClientBase,
  mirror: Mirror,
  staging: StagingTable,
  lines: Buffer[],
): Promise<number> {
  if (lines.length === 0) return 0;
  const taken = await copyToStaging(client, staging, [Buffer.concat(lines)]);
  if (taken !== lines.length) throw patchRefused(mirror, 'has lines that are not rows');
  return taken;
}
