import { RivuletError } from '@rivulet/errors';
import type { WrittenTable } from './write-table';

/**
 * Refuses an apply that deletes a larger share of a mirror's rows than the manifest allows. Deleted rows count, changed
 * rows do not; for a mirror that is loaded, the number of rows by which it shrinks counts. A removed dataset is not
 * guarded: `onRemove` says what happens to its mirror.
 *
 * @throws RivuletError MIRROR_GUARDED
 */
export function refuseDeletions(written: WrittenTable[]): void {
  const guarded = written.filter(({ task, rows, rowsBefore = 0 }) => {
    const { maxDeletedShare } = task.table;
    return maxDeletedShare !== undefined && rows.deleted > rowsBefore * maxDeletedShare;
  });
  if (guarded.length === 0) return;
  const cases = guarded.map(({ task, rows, rowsBefore = 0 }) => {
    const share = percent(rows.deleted / rowsBefore);
    return `${rows.deleted} of the ${rowsBefore} rows of ${task.table.table} (${share}, where ${percent(task.table.maxDeletedShare!)} are allowed)`;
  });
  throw new RivuletError('MIRROR_GUARDED', `The manifest would delete ${cases.join(', and ')}.`);
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(4))}%`;
}
