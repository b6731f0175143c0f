import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { resolveColumns, type MirrorColumn } from './column-types';
import { commentOf } from '../catalogue/mirror-catalogue';
import { qualifiedName, type MirrorPlace } from '../catalogue/mirror-place';
import type { MirrorShape } from '../catalogue/mirror-shape';

/** A table with the columns of a mirror, ready to read and write. */
export interface Mirror {
  table: MirrorShape;
  /** Where the rows are, which may differ from the mirror's final place. */
  place: MirrorPlace;
  /** The place as statements name it. */
  qualifiedName: string;
  columns: MirrorColumn[];
  /** How many of the first columns form the key. */
  keyColumns: number;
}

/**
 * Opens an existing mirror for reading and merging. The caller has checked that its columns fit, see
 * {@link mirrorFingerprint}. Takes no lock. For the rest of the open transaction the search_path includes the operators
 * that compare keys.
 *
 * @param place its current place, if that is not its final one
 * @throws RivuletError SCHEMA_UNSUPPORTED
 */
export async function openMirror(
  client: ClientBase,
  table: MirrorShape,
  place: MirrorPlace = table,
): Promise<Mirror> {
  const columns = await resolveColumns(client, table);
  await findOperators(client, columns.slice(0, table.key.length));
  return { table, place, qualifiedName: qualifiedName(place), columns, keyColumns: table.key.length };
}

/**
 * PostgreSQL looks up the operators of an extension's type by the search_path. Statements cannot name their schema: a
 * comparison of rows has one operator name for all columns.
 */
async function findOperators(client: ClientBase, key: MirrorColumn[]): Promise<void> {
  const schemas = [...new Set(key.flatMap(({ operatorSchema }) => operatorSchema ?? []))];
  if (schemas.length === 0) return;
  await client.query(
    `SELECT set_config('search_path',
              concat_ws(', ', nullif(current_setting('search_path'), ''), string_agg(quote_ident(schema), ', ')), true)
     FROM unnest($1::name[]) AS schema WHERE schema <> ALL (current_schemas(true)) HAVING count(*) > 0`,
    [schemas],
  );
}

/** Creates the table of a mirror, without its key and indexes. */
export async function createTable(
  client: ClientBase,
  { table, qualifiedName: name, columns, keyColumns }: Mirror,
): Promise<void> {
  await client.query(`CREATE TABLE ${name} (${columnDefinitions(columns, keyColumns)});
    COMMENT ON TABLE ${name} IS ${escapeLiteral(commentOf(table.name))}`);
}

/** The number of rows of a table. */
export async function countRows(client: ClientBase, place: MirrorPlace): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${qualifiedName(place)}`);
  return Number(rows[0]!.count);
}

/** The names of columns, as a list in a statement. */
export function columnList(columns: MirrorColumn[]): string {
  return columns.map((column) => escapeIdentifier(column.name)).join(', ');
}

/** Column definitions for CREATE TABLE, the key columns first. */
export function columnDefinitions(columns: MirrorColumn[], keyColumns: number): string {
  return columnDefinitionList(columns, keyColumns).join(', ');
}

export function columnDefinitionList(columns: MirrorColumn[], keyColumns: number): string[] {
  return columns.map((column, index) => {
    const isKey = index < keyColumns;
    const constraint = isKey ? `${column.collatable ? ' COLLATE "C"' : ''} NOT NULL` : '';
    return `${escapeIdentifier(column.name)} ${column.type}${constraint}`;
  });
}
