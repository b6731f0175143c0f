import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { resolveColumns, type MirrorColumn } from './column-types';
import { commentOf } from './mirror-catalogue';
import { qualifiedName, type MirrorPlace } from './mirror-place';
import type { MirrorShape } from './mirror-shape';

/** A table with the columns of a mirror, for reading and writing. */
export interface Mirror {
  table: MirrorShape;
  /** Where the rows are, which need not be where the mirror is to be. */
  place: MirrorPlace;
  /** That place, as statements name it. */
  qualifiedName: string;
  columns: MirrorColumn[];
  /** The key is made of so many of the first columns. */
  keyColumns: number;
}

/**
 * The mirror as it is, for reading and merging. The caller knows that it is there and that its columns fit, see
 * {@link mirrorFingerprint}. Locks nothing.
 *
 * @param place where it is, if not where it is to be
 * @throws RivuletError SCHEMA_UNSUPPORTED
 */
export async function openMirror(
  client: ClientBase,
  table: MirrorShape,
  place: MirrorPlace = table,
): Promise<Mirror> {
  const columns = await resolveColumns(client, table);
  return { table, place, qualifiedName: qualifiedName(place), columns, keyColumns: table.key.length };
}

/** Makes the table of a mirror, without its key and its indexes. */
export async function createTable(
  client: ClientBase,
  { table, qualifiedName: name, columns, keyColumns }: Mirror,
): Promise<void> {
  await client.query(`CREATE TABLE ${name} (${columnDefinitions(columns, keyColumns)});
    COMMENT ON TABLE ${name} IS ${escapeLiteral(commentOf(table.name))}`);
}

/** How many rows a table has. */
export async function countRows(client: ClientBase, place: MirrorPlace): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${qualifiedName(place)}`);
  return Number(rows[0]!.count);
}

/** The names of columns, as a list in a statement. */
export function columnList(columns: MirrorColumn[]): string {
  return columns.map((column) => escapeIdentifier(column.name)).join(', ');
}

/** Columns as CREATE TABLE takes them, those of the key first. */
export function columnDefinitions(columns: MirrorColumn[], keyColumns: number): string {
  const definitions = columns.map((column, index) => {
    const isKey = index < keyColumns;
    const constraint = isKey ? `${column.collatable ? ' COLLATE "C"' : ''} NOT NULL` : '';
    return `${escapeIdentifier(column.name)} ${column.type}${constraint}`;
  });
  return definitions.join(', ');
}
