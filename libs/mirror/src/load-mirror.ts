import { copyIn } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import type { ArrangedMirror } from './arrange-mirrors';
import { namingDuplicateKeys } from './duplicate-keys';
import { createMissingExtensions } from './extension-types';
import { mergeChunks } from './merge-chunks';
import type { MergedRows } from './merge-rows';
import { addPrimaryKey } from './mirror-indexes';
import { columnList, createTable, openMirror, type Mirror } from './mirror-table';
import { explainUnreadable } from './unreadable-value';

/** A mirror that has been filled, in a transaction that is still open. */
export interface LoadedMirror extends MergedRows {
  mirror: Mirror;
  /** `emptied`, or made: `created`, or `rebuilt` in the place of one with other columns; or `merged` with what it held */
  preparation: 'emptied' | 'created' | 'rebuilt' | 'merged';
}

/** Whether a mirror is loaded by emptying it: it must be locked before. */
export function mustBeEmptied({ fits, existing }: ArrangedMirror): boolean {
  return fits && !existing!.isReferenced;
}

/**
 * Makes a mirror hold these canonical rows, whatever it holds. One with the right columns is emptied first; PostgreSQL
 * does not empty what a foreign key refers to, so such a one is merged with all of them. The caller has opened the
 * transaction (READ COMMITTED, as FREEZE demands), has pinned the canonical settings, and has locked the mirror if it
 * {@link mustBeEmptied}.
 *
 * FREEZE writes rows as if by a transaction long past, which making or emptying the table in this one allows: reading
 * them again for the proof then writes no hint bits, and vacuum has nothing left to do.
 *
 * @throws RivuletError SCHEMA_UNSUPPORTED · DATASET_KEY_NOT_UNIQUE · APPLY_FAILED when this PostgreSQL cannot read a value
 */
export async function loadMirror(
  client: ClientBase,
  arranged: ArrangedMirror,
  content: AsyncIterable<Buffer>,
): Promise<LoadedMirror> {
  const { table, place, fits, existing } = arranged;
  if (!fits) await createMissingExtensions(client, table);
  const mirror = await openMirror(client, table, place);
  if (fits && !mustBeEmptied(arranged)) {
    const merged = await mergeChunks(client, mirror, [], [{ position: 0, count: 0 }], content);
    return { mirror, preparation: 'merged', ...merged };
  }
  const preparation = fits ? 'emptied' : existing === undefined ? 'created' : 'rebuilt';
  if (fits) await client.query(`TRUNCATE ${mirror.qualifiedName}`);
  else await createTable(client, mirror);
  const statement = `COPY ${mirror.qualifiedName} (${columnList(mirror.columns)}) FROM STDIN (FREEZE)`;
  const inserted = await namingDuplicateKeys(table, () => copyIn(client, statement, content)).catch(
    (error: unknown) => {
      throw explainUnreadable(table, error);
    },
  );
  if (!fits) await addPrimaryKey(client, mirror);
  return { mirror, preparation, inserted, updated: 0, deleted: 0 };
}
