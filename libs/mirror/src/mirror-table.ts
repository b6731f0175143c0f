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
 * {@link mirrorFingerprint}. Locks nothing. The transaction is open: for its rest PostgreSQL finds the operators by which keys
 * are compared.
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
  await findOperators(client, columns.slice(0, table.key.length));
  return { table, place, qualifiedName: qualifiedName(place), columns, keyColumns: table.key.length };
}

/**
 * Where the type of a key column is an extension's, so are its operators, and PostgreSQL looks these up by the
 * search_path. They cannot be named with their schema: a comparison of rows has one name for the operators of all columns.
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
