import type { ClientBase } from 'pg';
import { sqlName } from './sql-names';

/** A table or view of the source that can become a dataset. */
export interface SourceTable {
  schema: string;
  name: string;
  /** Its name in a query, with the schema if that is not on the search path. */
  sql: string;
  /** The same with its schema, wherever that is. */
  qualified: string;
  quotedSchema: string;
  /** The role of this connection, as it stands in a statement. */
  role: string;
  columns: SourceColumn[];
  isView: boolean;
  /** Possible keys: the primary key, then unique indexes without NULLs, the shortest first. */
  keys: string[][];
  /** Whether other tables, not partitions, inherit from it: their rows are not covered by its keys. */
  hasChildren: boolean;
  /** Whether row security hides rows from the current role. */
  isRowSecured: boolean;
  /** The extension that it belongs to. */
  extension: string | null;
  /** Whether the role may use its schema. */
  isReachable: boolean;
}

export interface SourceColumn {
  name: string;
  sql: string;
  isReadable: boolean;
}

/** Tables, partitioned tables without their partitions, and views, ordered by schema and name. */
export async function findSourceTables(client: ClientBase, schemas: string[]): Promise<SourceTable[]> {
  const { rows } = await client.query<TableRow>(sourceTables, [schemas]);
  return rows.map(({ quotedName, isVisible, columns, ...table }) => {
    const relation = sqlName(table.name, quotedName);
    const schema = sqlName(table.schema, table.quotedSchema);
    const qualified = `${schema}.${relation}`;
    return {
      ...table,
      quotedSchema: schema,
      qualified,
      sql: isVisible ? relation : qualified,
      columns: columns.map(({ name, quoted, isReadable }) => ({
        name,
        sql: sqlName(name, quoted),
        isReadable,
      })),
    };
  });
}

/** Schemas with users' tables, and their number. */
export async function findSchemas(client: ClientBase): Promise<{ name: string; tables: number }[]> {
  const { rows } = await client.query<{ name: string; tables: number }>(schemasWithTables);
  return rows;
}

interface TableRow extends Omit<SourceTable, 'sql' | 'qualified' | 'columns'> {
  quotedName: string;
  isVisible: boolean;
  columns: { name: string; quoted: string; isReadable: boolean }[];
}

/** Reads pg_attribute and pg_index by the table's OID. A column with a NOT NULL that is not validated may have NULLs. */
const sourceTables = `
SELECT nspname AS schema, relname AS name, quote_ident(nspname) AS "quotedSchema", quote_ident(relname) AS "quotedName",
  quote_ident(current_user) AS role, pg_table_is_visible(class.oid) AS "isVisible", relkind IN ('v', 'm') AS "isView",
  has_schema_privilege(namespace.oid, 'USAGE') AS "isReachable",
  row_security_active(class.oid) AS "isRowSecured",
  relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = class.oid) AS "hasChildren",
  (SELECT extname::text FROM pg_depend JOIN pg_extension extension ON extension.oid = refobjid
   WHERE classid = 'pg_class'::regclass AND objid = class.oid AND refclassid = 'pg_extension'::regclass AND deptype = 'e'
  ) AS extension,
  coalesce((
    SELECT json_agg(json_build_object('name', attname, 'quoted', quote_ident(attname),
      'isReadable', has_column_privilege(attrelid, attnum, 'SELECT')) ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped
  ), '[]') AS columns,
  coalesce((
    SELECT json_agg(names ORDER BY indisprimary DESC, indnkeyatts, indexrelid)
    FROM pg_index CROSS JOIN LATERAL (
      SELECT json_agg(attname ORDER BY place) AS names,
        bool_and(attnotnull AND NOT EXISTS (
          SELECT FROM pg_constraint
          WHERE conrelid = indrelid AND contype = 'n' AND conkey = ARRAY[attnum] AND NOT convalidated)) AS is_filled
      FROM unnest(indkey::int2[]) WITH ORDINALITY AS part (number, place)
      LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = number
      WHERE place <= indnkeyatts) AS parts
    WHERE indrelid = class.oid AND indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL AND is_filled
  ), '[]') AS keys
FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition AND relpersistence <> 't' AND nspname = ANY ($1::text[])
ORDER BY array_position($1::text[], nspname::text), relname`;

const schemasWithTables = `
SELECT nspname AS name, count(*)::int AS tables
FROM pg_class JOIN pg_namespace namespace ON namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence <> 't'
  AND nspname NOT IN ('information_schema', 'rivulet') AND nspname NOT LIKE 'pg\\_%'
GROUP BY nspname ORDER BY nspname`;
