import type { ManifestTable } from '@rivulet/protocol';
import { copyIn } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { addPrimaryKey, columnList, prepareEmptyMirror, type LoadedMirror } from './mirror-table';

/**
 * Empties the mirror and fills it with canonical rows. The caller has opened the transaction (READ COMMITTED, as
 * FREEZE demands) and pinned the canonical settings.
 *
 * FREEZE writes rows as if by a transaction long past, which TRUNCATE in this one allows: reading them again for
 * the proof then writes no hint bits, and vacuum has nothing left to do.
 */
export async function loadMirror(
  client: ClientBase,
  table: ManifestTable,
  content: AsyncIterable<Buffer>,
): Promise<LoadedMirror> {
  const mirror = await prepareEmptyMirror(client, table);
  await copyIn(
    client,
    `COPY ${mirror.qualifiedName} (${columnList(mirror.columns)}) FROM STDIN (FREEZE)`,
    content,
  );
  if (mirror.preparation !== 'emptied') await addPrimaryKey(client, mirror);
  return mirror;
}
