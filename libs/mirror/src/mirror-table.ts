import { RivuletError, schemaFingerprint, type ManifestTable } from '@rivulet/protocol';
import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import { resolveColumns, type MirrorColumn } from './column-types';

/** Where mirrors live. */
const MIRROR_SCHEMA = 'public';

/** Marks a table as a mirror, in its comment; only such tables are ever emptied or dropped. */
const OWNERSHIP_COMMENT = 'Rivulet mirror of dataset ';

/** What the catalogue says of a table that bears a mirror's name. */
interface ExistingTable {
  isMirror: boolean;
  comment: string | null;
  columns: { name: string; type: string }[];
  key: string[];
}

/** A mirror that is there and has the columns of its manifest. */
export interface Mirror {
  table: ManifestTable;
  qualifiedName: string;
  columns: MirrorColumn[];
  /** The key is made of so many of the first columns. */
  keyColumns: number;
}

/** A mirror that has been filled, in a transaction that is still open. */
export interface LoadedMirror extends Mirror {
  /** `emptied`, or made: `created`, or `rebuilt` for other columns. */
  preparation: 'emptied' | 'created' | 'rebuilt';
}

/**
 * Empties the mirror, or makes it when it is not there or has other columns than the manifest says. What was made
 * has no primary key yet.
 *
 * @throws RivuletError MIRROR_TABLE_CONFLICT when the name belongs to a table of an application
 */
export async function prepareEmptyMirror(client: ClientBase, table: ManifestTable): Promise<LoadedMirror> {
  const mirror = await describeMirror(client, table);
  const { qualifiedName, columns } = mirror;
  const existing = await inspectOwnTable(client, table);
  const preparation = preparationFor(existing, table);
  if (preparation === 'emptied') await client.query(`TRUNCATE ${qualifiedName}`);
  if (preparation === 'rebuilt') await client.query(`DROP TABLE ${qualifiedName}`);
  if (preparation !== 'emptied') {
    await client.query(`CREATE TABLE ${qualifiedName} (${columnDefinitions(columns, table.key.length)})`);
  }
  // Also when the mirror stays and its dataset has another name now.
  await writeComment(client, mirror);
  return { ...mirror, preparation };
}

/**
 * The mirror as it is, for reading and merging. The caller knows that it is there and that its columns fit, see
 * {@link mirrorFingerprint}. Locks nothing, unless its dataset has another name now.
 *
 * @throws RivuletError MIRROR_TABLE_CONFLICT when the name belongs to a table of an application
 */
export async function openMirror(client: ClientBase, table: ManifestTable): Promise<Mirror> {
  const mirror = await describeMirror(client, table);
  const existing = await inspectOwnTable(client, table);
  if (existing !== undefined && existing.comment !== commentOf(table)) await writeComment(client, mirror);
  return mirror;
}

async function describeMirror(client: ClientBase, table: ManifestTable): Promise<Mirror> {
  const qualifiedName = `${escapeIdentifier(MIRROR_SCHEMA)}.${escapeIdentifier(table.table)}`;
  const columns = await resolveColumns(client, table);
  return { table, qualifiedName, columns, keyColumns: table.key.length };
}

async function inspectOwnTable(client: ClientBase, table: ManifestTable): Promise<ExistingTable | undefined> {
  const existing = await inspectTable(client, table.table);
  if (existing === undefined || existing.isMirror) return existing;
  throw new RivuletError(
    'MIRROR_TABLE_CONFLICT',
    `Dataset ${table.name} needs the table ${table.table}, which exists and was not made by Rivulet.`,
  );
}

function preparationFor(
  existing: ExistingTable | undefined,
  table: ManifestTable,
): LoadedMirror['preparation'] {
  if (existing === undefined) return 'created';
  return fingerprintOf(table.name, existing) === table.fingerprint ? 'emptied' : 'rebuilt';
}

function commentOf(table: ManifestTable): string {
  return OWNERSHIP_COMMENT + table.name;
}

async function writeComment(client: ClientBase, { table, qualifiedName }: Mirror): Promise<void> {
  await client.query(`COMMENT ON TABLE ${qualifiedName} IS ${escapeLiteral(commentOf(table))}`);
}

/** Gives a new mirror its primary key: sorting once, after the rows are in, is faster than one by one. */
export async function addPrimaryKey(client: ClientBase, mirror: Mirror): Promise<void> {
  const key = columnList(mirror.columns.slice(0, mirror.keyColumns));
  await client.query(`ALTER TABLE ${mirror.qualifiedName} ADD PRIMARY KEY (${key})`);
}

/** The schema fingerprint of the mirror as it stands in the database, or undefined when there is none. */
export async function mirrorFingerprint(
  client: ClientBase,
  mirror: { name: string; table: string },
): Promise<string | undefined> {
  const existing = await inspectTable(client, mirror.table);
  return existing?.isMirror === true ? fingerprintOf(mirror.name, existing) : undefined;
}

/** Makes the indexes that the manifest names and the mirror lacks. Others, made by applications, stay. */
export async function createMissingIndexes(client: ClientBase, table: ManifestTable): Promise<void> {
  if (table.indexes.length === 0) return;
  const qualifiedName = `${escapeIdentifier(MIRROR_SCHEMA)}.${escapeIdentifier(table.table)}`;
  const { rows } = await client.query<{ columns: string[] }>(
    `SELECT (SELECT array_agg(attname::text ORDER BY place)
             FROM unnest(indkey::int2[]) WITH ORDINALITY AS indexed (attnum, place)
             JOIN pg_attribute USING (attnum) WHERE attrelid = indrelid AND place <= indnkeyatts) AS columns
     FROM pg_index
     WHERE indrelid = to_regclass($1) AND indisvalid AND indpred IS NULL AND indexprs IS NULL`,
    [qualifiedName],
  );
  const present = new Set(rows.map((row) => JSON.stringify(row.columns)));
  for (const columns of table.indexes) {
    if (present.has(JSON.stringify(columns))) continue;
    present.add(JSON.stringify(columns));
    await client.query(`CREATE INDEX ON ${qualifiedName} (${columns.map(escapeIdentifier).join(', ')})`);
  }
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

/** Reads pg_class by name and schema, pg_attribute and pg_index by the table's OID. */
async function inspectTable(client: ClientBase, table: string): Promise<ExistingTable | undefined> {
  const { rows } = await client.query<ExistingTable>(
    `SELECT relkind = 'r' AND coalesce(starts_with(obj_description(class.oid, 'pg_class'), $3), false) AS "isMirror",
            obj_description(class.oid, 'pg_class') AS comment,
            ARRAY(SELECT json_build_object('name', attname, 'type', format_type(atttypid, atttypmod))
                  FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped
                  ORDER BY attnum) AS columns,
            ARRAY(SELECT attname::text
                  FROM pg_index, unnest(indkey::int2[]) WITH ORDINALITY AS indexed (attnum, place)
                  JOIN pg_attribute USING (attnum)
                  WHERE indrelid = class.oid AND indisprimary AND attrelid = class.oid
                  ORDER BY place) AS key
     FROM pg_class class
     WHERE relname = $1 AND relnamespace = to_regnamespace($2)`,
    [table, escapeIdentifier(MIRROR_SCHEMA), OWNERSHIP_COMMENT],
  );
  return rows[0];
}

function fingerprintOf(name: string, existing: ExistingTable): string {
  return schemaFingerprint({ name, columns: existing.columns, key: existing.key });
}
