import { escapeIdentifier, type ClientBase } from 'pg';
import { inSavepoint } from '@rivulet/postgres';
import type { Mirror } from '../table/mirror-table';
import { lookUpOrMerge, withSettings } from '../ranges/planner-settings';
import { cannotExchange, isTaken, readRowRules, rewriteStagedRows } from './rewrite-rows';
import { sameKey } from './same-key';
import { countRows, runStatements } from './statement-list';

/** The changes of a merge. */
export interface MergedRows {
  inserted: number;
  updated: number;
  deleted: number;
}

type WrittenRows = Pick<MergedRows, 'inserted' | 'updated'>;

/**
 * Upserts the rows of `rivulet_rows` into the mirror, also where an application has made an index on it whose values they
 * exchange. Returns how many it wrote.
 *
 * @throws RivuletError MIRROR_REJECTS_ROWS · PostgreSQL's error when they violate such an index
 */
export async function writeStagedRows(client: ClientBase, mirror: Mirror): Promise<WrittenRows> {
  const { hasUniqueValues, actsOnDelete } = await readRowRules(client, mirror);
  // A savepoint in which rows are written burdens all readers, so it is for mirrors that may need it.
  if (!hasUniqueValues) return upsertStagedRows(client, mirror);
  try {
    return await inSavepoint(client, () => upsertStagedRows(client, mirror));
  } catch (error) {
    if (!isTaken(error)) throw error;
    if (actsOnDelete) throw cannotExchange(mirror, error);
    const { updated, written } = await rewriteStagedRows(client, mirror);
    return { inserted: written - updated, updated };
  }
}

/**
 *
 * Rows that are identical byte for byte are not written. `*<>` compares the stored values: 1.0 and 1.00 are equal but
 * have different texts, and json has no equality. For the same reason an update also sets the key. Comparing the rows as
 * text took twice as long.
 */
async function upsertStagedRows(client: ClientBase, mirror: Mirror): Promise<WrittenRows> {
  const names = mirror.columns.map((column) => escapeIdentifier(column.name));
  const [updated, inserted] = await withSettings(client, lookUpOrMerge, () =>
    runStatements(client, [
      `UPDATE ${mirror.qualifiedName} AS mirror SET ${names.map((name) => `${name} = staged.${name}`).join(', ')}
       FROM pg_temp.rivulet_rows AS staged WHERE ${sameKey(mirror)} AND mirror.* *<> staged.*`,
      `INSERT INTO ${mirror.qualifiedName} (${names.join(', ')})
       SELECT ${names.map((name) => `staged.${name}`).join(', ')} FROM pg_temp.rivulet_rows AS staged
       WHERE NOT EXISTS (SELECT FROM ${mirror.qualifiedName} AS mirror WHERE ${sameKey(mirror)})`,
    ]),
  );
  return { inserted: inserted!.rowCount ?? 0, updated: updated!.rowCount ?? 0 };
}

/** Deletes the rows whose keys are in `rivulet_keys`. Returns their number. */
export async function deleteStagedKeys(client: ClientBase, mirror: Mirror): Promise<number> {
  const results = await withSettings(client, lookUpOrMerge, () =>
    runStatements(client, [
      `DELETE FROM ${mirror.qualifiedName} AS mirror USING pg_temp.rivulet_keys AS staged WHERE ${sameKey(mirror)}`,
    ]),
  );
  return countRows(results);
}
