import type { ManifestTable } from '@rivulet/protocol';
import type { TableResult } from '../state/sync-result';
import type { WrittenTable } from './write-table';

/** The outcome for one table of the manifest. */
export function toTableResult(table: ManifestTable, written: readonly WrittenTable[]): TableResult {
  const done = written.find(({ task }) => task.table === table);
  const action = done?.action ?? 'unchanged';
  const { name, rows, bytes, checksum } = table;
  return { name, table: table.table, action, rows, rowsChanged: countChanged(done), bytes, checksum };
}

/** In a table that was filled, every row has changed. */
function countChanged(done: WrittenTable | undefined): number {
  if (done === undefined) return 0;
  const { inserted, updated, deleted } = done.rows;
  return done.action === 'merged' || done.action === 'patched' ? inserted + updated + deleted : inserted;
}
