import { matchesManifest, proveMirror, scanLoadedMirror, scanMirror, scanSpans } from '@rivulet/mirror';
import { RivuletError } from '@rivulet/errors';
import type { ChunkSummary } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import type { SyncProgress } from '../state/sync-progress';
import type { WrittenMirror } from '../state/sync-state';
import { countChunkRows } from './chunk-rows';
import type { WrittenTable } from './write-table';

export const verifyModes = ['touched', 'full'] as const;

/** How much of a merged or patched mirror is read back: the `touched` chunks, or all of them. */
export type VerifyMode = (typeof verifyModes)[number];

export interface ProveOrder {
  verify: VerifyMode;
  progress: SyncProgress;
  signal: AbortSignal;
}

/**
 * Proves that each written mirror equals the manifest, by reading rows back in the same transaction.
 *
 * @throws RivuletError CHECKSUM_MISMATCH
 */
export async function proveTables(
  client: ClientBase,
  written: readonly WrittenTable[],
  { verify, progress, signal }: ProveOrder,
): Promise<WrittenMirror[]> {
  const wholly = verify === 'full';
  progress.phase = 'verifying';
  progress.rowsDone = 0;
  progress.rowsTotal = written.reduce((sum, table) => sum + rowsToProve(table, wholly), 0);
  const proved: WrittenMirror[] = [];
  for (const table of written) {
    const chunks = await proveTable(client, table, wholly, (rows) => {
      progress.rowsDone += rows;
      signal.throwIfAborted();
    });
    proved.push({ table: table.task.table, recorded: table.recorded, chunks });
  }
  return proved;
}

/** Chunks that were not touched count with their recorded digests. Answers the chunks that the mirror has now. */
async function proveTable(
  client: ClientBase,
  written: WrittenTable,
  wholly: boolean,
  onProgress: (rows: number) => void,
): Promise<ChunkSummary[]> {
  const { task, mirror, changed } = written;
  if (changed !== undefined) compareRowCounts(written);
  if (changed === undefined && written.action !== 'merged') {
    const chunks = await scanLoadedMirror(client, mirror, onProgress);
    // If not, the rows may only be stored in a different order: the scan by key below decides.
    if (matchesManifest(task.table, chunks)) return chunks;
  }
  const chunks =
    changed === undefined || wholly
      ? await scanMirror(client, mirror, onProgress)
      : await scanSpans(client, mirror, changed.base, changed.spans, onProgress);
  proveMirror(task.table, chunks);
  return chunks;
}

/**
 * A second, independent check: rows are deleted and read back by the same key ranges, so the proof would not notice if
 * these were wrong. PostgreSQL's own counts of changed rows do not depend on them.
 */
function compareRowCounts({ task, rows, rowsBefore = 0 }: WrittenTable): void {
  const { table } = task;
  const now = rowsBefore + rows.inserted - rows.deleted;
  if (now === table.rows) return;
  throw new RivuletError(
    'CHECKSUM_MISMATCH',
    `Table ${table.table} had ${rowsBefore} rows; ${rows.inserted} were inserted and ${rows.deleted} deleted, ` +
      `which makes ${now}. The manifest says ${table.rows}.`,
  );
}

/** How many rows proveTable() reads, or slightly fewer, if everything is in order. */
function rowsToProve({ task, changed }: WrittenTable, wholly: boolean): number {
  const { rows } = task.table;
  if (changed === undefined || wholly) return rows;
  const touched = new Set<number>();
  for (const { position, count } of changed.spans) {
    for (let place = position; place < position + count; place++) touched.add(place);
  }
  const untouched = changed.base.filter((_, place) => !touched.has(place));
  return Math.max(0, rows - countChunkRows(untouched));
}
