import { escapeIdentifier, type ClientBase } from 'pg';
import { keyColumns, keyExpression } from '../ranges/key-range';
import type { Mirror } from '../table/mirror-table';
import { lookUpOrMerge, withSettings } from '../ranges/planner-settings';
import { countRows, runStatements } from './statement-list';

/** What a merge changed. */
export interface MergedRows {
  inserted: number;
  updated: number;
  deleted: number;
}

/**
 * Upserts the rows of `rivulet_rows` into the mirror. Returns how many it wrote.
 *
 * Rows that are identical byte for byte are not written. `*<>` compares the stored values: 1.0 and 1.00 are equal but
 * have different texts, and json has no equality. For the same reason an update also sets the key. Comparing the rows as
 * text took twice as long.
 */
export async function writeStagedRows(
  client: ClientBase,
  mirror: Mirror,
): Promise<Pick<MergedRows, 'inserted' | 'updated'>> {
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

/** The condition that the rows `mirror` and `staged` have the same key. */
export function sameKey(mirror: Mirror): string {
  return keyColumns(mirror)
    .map((column) => `${keyExpression('mirror', column)} = ${keyExpression('staged', column)}`)
    .join(' AND ');
}
