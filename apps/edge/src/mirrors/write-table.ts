import {
  countRows,
  loadMirror,
  mergeChunks,
  mergePatches,
  openMirror,
  type ArrangedMirror,
  type LoadedMirror,
  type MergedRows,
  type Mirror,
} from '@rivulet/mirror';
import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { readChunks } from '../state/mirror-chunks';
import type { TableAction } from '../state/sync-result';
import { countChunkRows } from './chunk-rows';
import type { TableTask } from './plan-tables';

/** A mirror that has been written, in a transaction that is still open. */
export interface WrittenTable {
  task: TableTask;
  mirror: Mirror;
  action: TableAction;
  rows: MergedRows;
  /** Rows of the mirror before, where they are counted. */
  rowsBefore?: number;
  /** The recorded chunks of the mirror, as far as they are valid. */
  recorded: ChunkSummary[];
  /** For a mirror that was not loaded: its chunks before, and which of them were touched. */
  changed?: { base: ChunkSummary[]; spans: PatchedSpan[] };
}

/**
 * Does the task of one table, other than `keep`.
 *
 * @param contents of its frames, in order
 * @throws RivuletError FRAME_INVALID when a patch does not fit · SCHEMA_UNSUPPORTED · DATASET_KEY_NOT_UNIQUE
 */
export async function writeTable(
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
  // For a table that was filled, only the number of rows is known, not which of them are new.
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
  const rowsBefore = countChunkRows(base);
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
  const rowsBefore = countChunkRows(base);
  return { task, mirror, action: 'patched', rows, rowsBefore, recorded: base, changed: { base, spans } };
}
