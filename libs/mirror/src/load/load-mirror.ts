import { copyIn } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import type { ArrangedMirror } from '../arrange/arrange-mirrors';
import { translateDuplicateKeys } from '../table/duplicate-keys';
import { createMissingExtensions } from '../table/extension-types';
import { mergeChunks } from '../merge/merge-chunks';
import type { MergedRows } from '../merge/merge-rows';
import { addPrimaryKey } from '../indexes/mirror-indexes';
import { columnList, createTable, openMirror, type Mirror } from '../table/mirror-table';
import { explainUnreadable } from '../table/unreadable-value';

/** A mirror that was loaded in the open transaction. */
export interface LoadedMirror extends MergedRows {
  mirror: Mirror;
  /** `emptied` before loading; `created`; `rebuilt` with different columns; or `merged` with its existing rows. */
  preparation: 'emptied' | 'created' | 'rebuilt' | 'merged';
}

/** Whether loading truncates the mirror, so that it must be locked first. */
export function mustTruncate({ fits, existing }: ArrangedMirror): boolean {
  return fits && !existing!.isReferenced;
}

/**
 * Replaces the content of a mirror by these canonical rows. A mirror with the right columns is truncated first, except
 * that PostgreSQL cannot truncate a table that a foreign key refers to: its rows are merged. The caller has opened the
 * transaction (READ COMMITTED, which FREEZE requires), pinned the canonical settings, and locked the mirror if it
 * {@link mustTruncate}.
 *
 * FREEZE is allowed because this transaction creates or truncates the table. It spares hint bits when the rows are read
 * back, and later work for vacuum.
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
  if (fits && !mustTruncate(arranged)) {
    const merged = await mergeChunks(client, mirror, [], [{ position: 0, count: 0 }], content);
    return { mirror, preparation: 'merged', ...merged };
  }
  const preparation = fits ? 'emptied' : existing === undefined ? 'created' : 'rebuilt';
  if (fits) await client.query(`TRUNCATE ${mirror.qualifiedName}`);
  else await createTable(client, mirror);
  const statement = `COPY ${mirror.qualifiedName} (${columnList(mirror.columns)}) FROM STDIN (FREEZE)`;
  const inserted = await translateDuplicateKeys(table, () => copyIn(client, statement, content)).catch(
    (error: unknown) => {
      throw explainUnreadable(table, error);
    },
  );
  if (!fits) await addPrimaryKey(client, mirror);
  return { mirror, preparation, inserted, updated: 0, deleted: 0 };
}
