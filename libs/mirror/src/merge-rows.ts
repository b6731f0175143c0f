import { escapeIdentifier, type ClientBase } from 'pg';
import { keyColumns, keyExpression } from './key-range';
import type { Mirror } from './mirror-table';
import { lookUpOrMerge, withSettings } from './planner-settings';
import { countRows, runStatements } from './statement-list';

/** What a merge has changed. */
export interface MergedRows {
  inserted: number;
  updated: number;
  deleted: number;
}

/**
 * Brings the rows of `rivulet_rows` into the mirror: updates those whose key is there, inserts the others. Returns
 * how many it wrote.
 *
 * A row is left alone when it is the same byte for byte (`*<>` compares the stored values): 1.0 and 1.00 are equal
 * and yet two texts, and json has no equality at all. For the same reason an update sets the key, too. Comparing
 * the rows as text took twice as long.
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

/** Deletes the rows whose keys are in `rivulet_keys`. Returns how many there were. */
export async function deleteStagedKeys(client: ClientBase, mirror: Mirror): Promise<number> {
  const results = await withSettings(client, lookUpOrMerge, () =>
    runStatements(client, [
      `DELETE FROM ${mirror.qualifiedName} AS mirror USING pg_temp.rivulet_keys AS staged WHERE ${sameKey(mirror)}`,
    ]),
  );
  return countRows(results);
}

/** The condition that the rows `mirror` and `staged` have one key. */
export function sameKey(mirror: Mirror): string {
  return keyColumns(mirror)
    .map((column) => `${keyExpression('mirror', column)} = ${keyExpression('staged', column)}`)
    .join(' AND ');
}
