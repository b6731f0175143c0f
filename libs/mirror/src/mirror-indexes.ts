import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { namingDuplicateKeys } from './duplicate-keys';
import { qualifiedName, type MirrorPlace } from './mirror-place';
import { columnList, type Mirror } from './mirror-table';
import { composeName, freeName } from './object-names';

/** Marks an index as made for a manifest, in its comment; only such indexes are ever dropped. */
export const INDEX_COMMENT = 'Rivulet index';

/** Gives a new mirror its primary key: sorting once, after the rows are in, is faster than one by one. */
export async function addPrimaryKey(client: ClientBase, mirror: Mirror): Promise<void> {
  const { table, place } = mirror;
  const name = escapeIdentifier(await freeName(client, place.schema, keyName(table.table)));
  const key = columnList(mirror.columns.slice(0, mirror.keyColumns));
  await namingDuplicateKeys(table, () =>
    client.query(`ALTER TABLE ${mirror.qualifiedName} ADD CONSTRAINT ${name} PRIMARY KEY (${key})`),
  );
}

function keyName(table: string): string {
  return composeName([table], 'pkey');
}

function indexName(table: string, columns: string[]): string {
  return composeName([table, ...columns], 'idx');
}

/** Of a row of pg_index: its columns, as names. Those that it only includes, and expressions, are left out. */
const indexedColumns = `
  (SELECT array_agg(attname::text ORDER BY position)
   FROM unnest(indkey::int2[]) WITH ORDINALITY AS indexed (attnum, position)
   JOIN pg_attribute USING (attnum) WHERE attrelid = indrelid AND position <= indnkeyatts)`;

/** Makes the indexes that the manifest names and the mirror lacks. Others, made by applications, stay. */
export async function createMissingIndexes(
  client: ClientBase,
  wanted: string[][],
  table: string,
  place: MirrorPlace,
): Promise<void> {
  if (wanted.length === 0) return;
  const { rows } = await client.query<{ columns: string[] }>(
    `SELECT ${indexedColumns} AS columns FROM pg_index
     WHERE indrelid = to_regclass($1) AND indisvalid AND indpred IS NULL AND indexprs IS NULL`,
    [qualifiedName(place)],
  );
  const present = new Set(rows.map(({ columns }) => JSON.stringify(columns)));
  for (const columns of wanted) {
    if (present.has(JSON.stringify(columns))) continue;
    present.add(JSON.stringify(columns));
    const name = await freeName(client, place.schema, indexName(table, columns));
    await client.query(`
      CREATE INDEX ${escapeIdentifier(name)} ON ${qualifiedName(place)} (${columns.map(escapeIdentifier).join(', ')});
      COMMENT ON INDEX ${qualifiedName({ ...place, table: name })} IS ${escapeLiteral(INDEX_COMMENT)}`);
  }
}

/** An index that was made for a manifest. */
export interface OwnIndex {
  /** The table's. */
  oid: number;
  schema: string;
  name: string;
  isKey: boolean;
  columns: string[];
}

/** The primary keys of these tables, and the indexes that were made for a manifest. */
export async function findOwnIndexes(client: ClientBase, tables: MirrorPlace[]): Promise<OwnIndex[]> {
  const { rows } = await client.query<OwnIndex>(
    `SELECT indrelid AS oid, nspname AS schema, relname AS name, indisprimary AS "isKey",
            ${indexedColumns} AS columns
     FROM pg_index JOIN pg_class class ON class.oid = indexrelid
     JOIN pg_namespace namespace ON namespace.oid = relnamespace
     WHERE indrelid = ANY ($1::regclass[])
       AND (indisprimary OR obj_description(indexrelid, 'pg_class') = $2)`,
    [tables.map(qualifiedName), INDEX_COMMENT],
  );
  return rows;
}

/** Gives the indexes of a table that has taken another's name the names that this one's had. */
export async function tidyIndexNames(client: ClientBase, place: MirrorPlace): Promise<void> {
  for (const { schema, name, isKey, columns } of await findOwnIndexes(client, [place])) {
    const wanted = isKey ? keyName(place.table) : indexName(place.table, columns);
    if (name === wanted || (await freeName(client, schema, wanted)) !== wanted) continue;
    await renameIndex(client, { schema, table: name }, wanted);
  }
}

export async function renameIndex(client: ClientBase, index: MirrorPlace, name: string): Promise<void> {
  await client.query(`ALTER INDEX ${qualifiedName(index)} RENAME TO ${escapeIdentifier(name)}`);
}
