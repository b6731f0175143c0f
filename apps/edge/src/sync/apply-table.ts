import {
  countRows,
  isProved,
  loadMirror,
  mergeChunks,
  mergePatches,
  openMirror,
  proveMirror,
  scanLoadedMirror,
  scanMirror,
  scanSpans,
  type ArrangedMirror,
  type LoadedMirror,
  type MergedRows,
  type Mirror,
} from '@rivulet/mirror';
import { RivuletError } from '@rivulet/errors';
import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { readChunks } from '../state/mirror-chunks';
import type { TableTask } from './plan-tables';
import type { TableAction } from './sync-result';

/** A mirror that has been written, in a transaction that is still open. */
export interface WrittenTable {
  task: TableTask;
  mirror: Mirror;
  action: TableAction;
  rows: MergedRows;
  /** Rows that the mirror had, where it matters. */
  rowsBefore?: number;
  /** The chunks that the mirror was recorded to have, as far as these count. */
  recorded: ChunkSummary[];
  /** Those that it had, when it was not loaded anew, and which of them were touched. */
  changed?: { base: ChunkSummary[]; spans: PatchedSpan[] };
}

/**
 * Does what is planned for one table, except to `keep` it.
 *
 * @param contents of its frames, in order
 * @throws RivuletError FRAME_INVALID when a patch does not fit · SCHEMA_UNSUPPORTED · DATASET_KEY_NOT_UNIQUE
 */
export async function applyTable(
  client: ClientBase,
  task: TableTask,
  arranged: ArrangedMirror,
  contents: AsyncIterable<Buffer>,
): Promise<WrittenTable> {
  switch (task.action) {
    case 'merge':
      return mergeTable(client, task, arranged, contents);
    case 'patch':
      return patchTable(client, task, arranged, contents);
    default:
      return loadTable(client, task, arranged, contents);
  }
}

const loadActions = {
  emptied: 'loaded',
  created: 'created',
  rebuilt: 'rebuilt',
  merged: 'merged',
} as const satisfies Record<LoadedMirror['preparation'], TableAction>;

async function loadTable(
  client: ClientBase,
  task: TableTask,
  arranged: ArrangedMirror,
  contents: AsyncIterable<Buffer>,
): Promise<WrittenTable> {
  const { existing } = arranged;
  const isGuarded = existing !== undefined && task.table.maxDeletedShare !== undefined;
  const rowsBefore = isGuarded ? await countRows(client, existing) : 0;
  const { mirror, preparation, ...rows } = await loadMirror(client, arranged, contents);
  // Which of the rows are new is not known of a table that was filled anew, only how many.
  if (preparation !== 'merged') rows.deleted = Math.max(0, rowsBefore - rows.inserted);
  return { task, mirror, action: loadActions[preparation], rows, rowsBefore, recorded: [] };
}

async function mergeTable(
  client: ClientBase,
  task: TableTask,
  { place }: ArrangedMirror,
  contents: AsyncIterable<Buffer>,
): Promise<WrittenTable> {
  const { table, spans, found } = task;
  const recorded = found === undefined ? await readChunks(client, table.name) : [];
  const base = found ?? recorded;
  const mirror = await openMirror(client, table, place);
  const rows = await mergeChunks(client, mirror, base, spans, contents);
  const rowsBefore = totalRows(base);
  return { task, mirror, action: 'merged', rows, rowsBefore, recorded, changed: { base, spans } };
}

async function patchTable(
  client: ClientBase,
  task: TableTask,
  { place }: ArrangedMirror,
  contents: AsyncIterable<Buffer>,
): Promise<WrittenTable> {
  const { table } = task;
  const base = await readChunks(client, table.name);
  const mirror = await openMirror(client, table, place);
  const { spans, ...rows } = await mergePatches(client, mirror, base, contents);
  const rowsBefore = totalRows(base);
  return { task, mirror, action: 'patched', rows, rowsBefore, recorded: base, changed: { base, spans } };
}

function totalRows(chunks: readonly ChunkSummary[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
}

/**
 * Proves a mirror that has been written, by reading rows back: what was touched of it, or all of it. Chunks that were
 * not touched count with the digests that they are recorded to have.
 *
 * @returns the chunks that it now has
 * @throws RivuletError CHECKSUM_MISMATCH
 */
export async function proveTable(
  client: ClientBase,
  written: WrittenTable,
  wholly: boolean,
  onProgress: (rows: number) => void,
): Promise<ChunkSummary[]> {
  const { task, mirror, changed } = written;
  if (changed !== undefined) compareRowCounts(written);
  if (changed === undefined && written.action !== 'merged') {
    const chunks = await scanLoadedMirror(client, mirror, onProgress);
    // Rows that stand in another order are not other rows.
    if (isProved(task.table, chunks)) return chunks;
  }
  const chunks =
    changed === undefined || wholly
      ? await scanMirror(client, mirror, onProgress)
      : await scanSpans(client, mirror, changed.base, changed.spans, onProgress);
  proveMirror(task.table, chunks);
  return chunks;
}

/**
 * A second opinion: what is deleted and what is read back are found by the same key ranges, and were these wrong the
 * proof would not see it. The numbers of rows that PostgreSQL says it has changed do not depend on them.
 */
function compareRowCounts({ task, rows, rowsBefore = 0 }: WrittenTable): void {
  const { table } = task;
  const now = rowsBefore + rows.inserted - rows.deleted;
  if (now === table.rows) return;
  throw new RivuletError(
    'CHECKSUM_MISMATCH',
    `Table ${table.table} had ${rowsBefore} rows; ${rows.inserted} were inserted and ${rows.deleted} deleted, ` +
      `which makes ${now}. The manifest promises ${table.rows}.`,
  );
}

/** How many rows proveTable() reads, or a few less, if all is as it should be. */
export function rowsToProve({ task, changed }: WrittenTable, wholly: boolean): number {
  const { rows } = task.table;
  if (changed === undefined || wholly) return rows;
  const touched = new Set<number>();
  for (const { position, count } of changed.spans) {
    for (let place = position; place < position + count; place++) touched.add(place);
  }
  const untouched = changed.base.filter((_, place) => !touched.has(place));
  return Math.max(0, rows - totalRows(untouched));
}
