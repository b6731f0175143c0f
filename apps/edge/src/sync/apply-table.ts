import {
  loadMirror,
  mergeChunks,
  mergePatches,
  openMirror,
  proveMirror,
  scanMirror,
  scanSpans,
  type LoadedMirror,
  type Mirror,
} from '@rivulet/mirror';
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
  rowsChanged: number;
  /** The chunks that the mirror was recorded to have, as far as these count. */
  recorded: ChunkSummary[];
  /** Those that it had, when it was not loaded anew, and which of them were touched. */
  changed?: { base: ChunkSummary[]; spans: PatchedSpan[] };
}

/**
 * Does what is planned for one table, except to `keep` it.
 *
 * @param contents of its frames, in order
 * @throws RivuletError FRAME_INVALID when a patch does not fit · MIRROR_TABLE_CONFLICT · SCHEMA_UNSUPPORTED
 */
export async function applyTable(
  client: ClientBase,
  task: TableTask,
  contents: AsyncIterable<Buffer>,
): Promise<WrittenTable> {
  switch (task.action) {
    case 'merge':
      return mergeTable(client, task, contents);
    case 'patch':
      return patchTable(client, task, contents);
    default:
      return loadTable(client, task, contents);
  }
}

const loadActions = { emptied: 'loaded', created: 'created', rebuilt: 'rebuilt' } as const satisfies Record<
  LoadedMirror['preparation'],
  TableAction
>;

async function loadTable(
  client: ClientBase,
  task: TableTask,
  contents: AsyncIterable<Buffer>,
): Promise<WrittenTable> {
  const mirror = await loadMirror(client, task.table, contents);
  return {
    task,
    mirror,
    action: loadActions[mirror.preparation],
    rowsChanged: task.table.rows,
    recorded: [],
  };
}

async function mergeTable(
  client: ClientBase,
  task: TableTask,
  contents: AsyncIterable<Buffer>,
): Promise<WrittenTable> {
  const { table, spans, found } = task;
  const recorded = found === undefined ? await readChunks(client, table.name) : [];
  const base = found ?? recorded;
  const mirror = await openMirror(client, table);
  const { written, deleted } = await mergeChunks(client, mirror, base, spans, contents);
  const rowsChanged = written + deleted;
  return { task, mirror, action: 'merged', rowsChanged, recorded, changed: { base, spans } };
}

async function patchTable(
  client: ClientBase,
  task: TableTask,
  contents: AsyncIterable<Buffer>,
): Promise<WrittenTable> {
  const { table } = task;
  const base = await readChunks(client, table.name);
  const mirror = await openMirror(client, table);
  const { written, deleted, spans } = await mergePatches(client, mirror, base, contents);
  const rowsChanged = written + deleted;
  return { task, mirror, action: 'patched', rowsChanged, recorded: base, changed: { base, spans } };
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
  { task, mirror, changed }: WrittenTable,
  wholly: boolean,
  onProgress: (rows: number) => void,
): Promise<ChunkSummary[]> {
  const chunks =
    changed === undefined || wholly
      ? await scanMirror(client, mirror, onProgress)
      : await scanSpans(client, mirror, changed.base, changed.spans, onProgress);
  proveMirror(task.table, chunks);
  return chunks;
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
  return Math.max(0, rows - untouched.reduce((sum, chunk) => sum + chunk.rows, 0));
}
