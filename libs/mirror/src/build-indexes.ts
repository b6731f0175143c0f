import type { ClientBase } from 'pg';
import type { ArrangedMirror } from './arrange-mirrors';
import { carryIndexes, findExtraIndexes } from './extra-indexes';
import { createMissingIndexes } from './mirror-indexes';
import type { Mirror } from './mirror-table';

/**
 * Makes the indexes that a mirror lacks: of one that is made anew also those that an application has made on the table
 * whose place it takes.
 *
 * @param made the mirror, if it has been made in this transaction
 * @throws RivuletError MIRROR_HAS_DEPENDENTS
 */
export async function buildIndexes(
  client: ClientBase,
  arranged: ArrangedMirror,
  made: Mirror | undefined,
): Promise<void> {
  const { table, place, fits, existing } = arranged;
  if (!fits && existing !== undefined && made !== undefined) {
    arranged.carried = await carryIndexes(client, await findExtraIndexes(client, existing), made);
  }
  await createMissingIndexes(client, table.indexes, table.table, place);
}
