import {
  ChunkCutter,
  RivuletError,
  RowError,
  TableHasher,
  type ManifestTable,
  type TableContent,
} from '@rivulet/protocol';
import { copyIn, copyOut } from '@rivulet/postgres';
import { escapeIdentifier, type ClientBase } from 'pg';
import { addPrimaryKey, prepareEmptyMirror, type PreparedMirror } from './mirror-table';

/** A mirror that has been filled, in a transaction that is still open. */
export interface LoadedMirror extends PreparedMirror {
  table: ManifestTable;
}

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
  const names = mirror.columns.map((column) => escapeIdentifier(column.name)).join(', ');
  await copyIn(client, `COPY ${mirror.qualifiedName} (${names}) FROM STDIN (FREEZE)`, content);
  if (mirror.preparation !== 'emptied') await addPrimaryKey(client, mirror);
  return { ...mirror, table };
}

/**
 * Proves a mirror: reads its rows back from the table in canonical form, hashes them, and compares.
 *
 * @throws RivuletError CHECKSUM_MISMATCH
 */
export async function verifyMirror(
  client: ClientBase,
  mirror: LoadedMirror,
  onProgress: (rows: number) => void = () => undefined,
): Promise<TableContent> {
  const cutter = new ChunkCutter(mirror.keyColumns, { keepContent: false });
  const hasher = new TableHasher(mirror.table.fingerprint);
  const add = (chunk: { digest: Buffer; rows: number; bytes: number }): void => {
    hasher.add(chunk);
    onProgress(chunk.rows);
  };
  const { table } = mirror;
  try {
    for await (const buffer of copyOut(client, canonicalCopy(mirror))) cutter.push(buffer).forEach(add);
    cutter.end().forEach(add);
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    throw new RivuletError(
      'CHECKSUM_MISMATCH',
      `Table ${table.table} reads back with a row that no dataset has: ${error.message}.`,
      { cause: error },
    );
  }
  const content = hasher.finish();
  if (content.checksum !== table.checksum || content.rows !== table.rows || content.bytes !== table.bytes) {
    throw new RivuletError(
      'CHECKSUM_MISMATCH',
      `Table ${table.table} reads back as ${content.rows} rows with checksum ${content.checksum.slice(0, 12)}; ` +
        `the manifest promises ${table.rows} rows with ${table.checksum.slice(0, 12)}.`,
    );
  }
  return content;
}

/** Follows the primary key, whose text columns are in the order of "C". */
function canonicalCopy(mirror: PreparedMirror): string {
  const names = mirror.columns.map((column) => escapeIdentifier(column.name)).join(', ');
  const order = mirror.columns
    .slice(0, mirror.keyColumns)
    .map((column) => escapeIdentifier(column.name) + (column.collatable ? ' COLLATE "C"' : ''));
  return `COPY (SELECT ${names} FROM ${mirror.qualifiedName} ORDER BY ${order.join(', ')}) TO STDOUT`;
}
