import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { translateDuplicateKeys } from '../table/duplicate-keys';
import { qualifiedName, type MirrorPlace } from '../catalogue/mirror-place';
import { columnList, type Mirror } from '../table/mirror-table';
import { composeName, freeName } from '../catalogue/object-names';

/** The comment that marks an index as created for a manifest. Only such indexes are ever dropped. */
export const INDEX_COMMENT = 'Rivulet index';

/** Adds the primary key to a loaded mirror: sorting once is faster than inserting keys one by one. */
export async function addPrimaryKey(client: ClientBase, mirror: Mirror): Promise<void> {
  const { table, place } = mirror;
  const name = escapeIdentifier(await freeName(client, place.schema, keyName(table.table)));
  const key = columnList(mirror.columns.slice(0, mirror.keyColumns));
  await translateDuplicateKeys(table, () =>
    client.query(`ALTER TABLE ${mirror.qualifiedName} ADD CONSTRAINT ${name} PRIMARY KEY (${key})`),
  );
}

function keyName(table: string): string {
  return composeName([table], 'pkey');
}

function indexName(table: string, columns: string[]): string {
  return composeName([table, ...columns], 'idx');
}

/** SQL: the column names of a row of pg_index, without INCLUDE columns and expressions. */
const indexedColumns = `
  (SELECT array_agg(attname::text ORDER BY position)
   FROM unnest(indkey::int2[]) WITH ORDINALITY AS indexed (attnum, position)
   JOIN pg_attribute USING (attnum) WHERE attrelid = indrelid AND position <= indnkeyatts)`;

/** Creates the manifest's indexes that the mirror lacks. Indexes of applications stay. */
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

/** An index that was created for a manifest, or a primary key. */
export interface OwnIndex {
  /** OID of the table. */
  oid: number;
  schema: string;
  name: string;
  isKey: boolean;
  columns: string[];
}

/** The primary keys of these tables, and the indexes that were created for a manifest. */
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

/** Renames the indexes of a table after the table has got its final name. */
export async function renameOwnIndexes(client: ClientBase, place: MirrorPlace): Promise<void> {
  for (const { schema, name, isKey, columns } of await findOwnIndexes(client, [place])) {
    const wanted = isKey ? keyName(place.table) : indexName(place.table, columns);
    if (name === wanted || (await freeName(client, schema, wanted)) !== wanted) continue;
    await renameIndex(client, { schema, table: name }, wanted);
  }
}

export async function renameIndex(client: ClientBase, index: MirrorPlace, name: string): Promise<void> {
  await client.query(`ALTER INDEX ${qualifiedName(index)} RENAME TO ${escapeIdentifier(name)}`);
}
