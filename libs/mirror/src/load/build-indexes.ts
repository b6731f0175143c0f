import type { ClientBase } from 'pg';
import type { ArrangedMirror } from '../arrange/arrange-mirrors';
import { carryIndexes, findExtraIndexes } from '../indexes/extra-indexes';
import { createMissingIndexes } from '../indexes/mirror-indexes';
import type { Mirror } from '../table/mirror-table';

/**
 * Creates the indexes that a mirror lacks. A rebuilt mirror also gets those that applications have created on the table
 * that it replaces.
 *
 * @param made the mirror, if it was created in this transaction
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
