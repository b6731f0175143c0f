import { bindQuery, type Parameters } from '@rivulet/snapshot';
import { escapeIdentifier, type ClientBase } from 'pg';
import type { Dataset } from '@rivulet/datasets';

/** The column of a table that a column of a dataset shows unchanged. */
export interface BaseColumn {
  /** As format() writes it in SQL, without the schema where it is on the search path. */
  table: string;
  tableOid: string;
  schema: string;
  relation: string;
  column: string;
  isTable: boolean;
  isNullable: boolean;
}

/** For each column of the key the one that it shows, where it shows one and does not compute. */
export async function keyBaseColumns(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
): Promise<(BaseColumn | undefined)[]> {
  const { key, query } = dataset.definition;
  const { fields } = await client.query({
    text: `SELECT * FROM (\n${bindQuery(query.template, parameters)}\n) AS query LIMIT 0`,
    rowMode: 'array',
  });
  const keyFields = key.map((name) => fields.find((field) => field.name === name)!);
  const { rows } = await client.query<BaseColumn & { position: number }>(baseColumns, [
    keyFields.map((field) => field.tableID),
    keyFields.map((field) => field.columnID),
  ]);
  return keyFields.map((_, index) => rows.find((row) => row.position === index + 1));
}

/** An index on a table: its columns, and whether each is of a text whose bytes are compared. */
export interface WantedIndex {
  table: string;
  tableOid: string;
  columns: { name: string; isBytewise: boolean }[];
}

/** The index that has rows in the order of the key, behind the columns that a query compares for equality. */
export function indexFor(dataset: Dataset, base: BaseColumn[], equal: string[]): WantedIndex {
  const { table, tableOid } = base[0]!;
  const before = equal.filter((name) => !base.some(({ column }) => column === name));
  const columns = [
    ...before.map((name) => ({ name, isBytewise: false })),
    ...base.map(({ column }, index) => ({ name: column, isBytewise: dataset.columns[index]!.collatable })),
  ];
  return { table, tableOid, columns };
}

/** `CREATE INDEX ON users (company_id, email COLLATE "C")` */
export function createIndex({ table, columns }: WantedIndex): string {
  const listed = columns.map(({ name, isBytewise }) => {
    const identifier = /^[a-z_][a-z_0-9]*$/.test(name) ? name : escapeIdentifier(name);
    return identifier + (isBytewise ? ' COLLATE "C"' : '');
  });
  return `CREATE INDEX ON ${table} (${listed.join(', ')})`;
}

/** Whether there is such an index, perhaps with more columns behind. */
export async function hasIndex(client: ClientBase, wanted: WantedIndex): Promise<boolean> {
  const { rows } = await client.query<{ names: string[]; bytewise: boolean[] }>(indexColumns, [
    wanted.tableOid,
  ]);
  return rows.some(({ names, bytewise }) =>
    wanted.columns.every(
      ({ name, isBytewise }, index) => names[index] === name && (!isBytewise || bytewise[index] === true),
    ),
  );
}

/** Of whole-table B-trees in ascending order. */
const indexColumns = `
SELECT array_agg(attname::text ORDER BY position) AS names,
       array_agg(coalesce(collname = 'C', false) ORDER BY position) AS bytewise
FROM pg_index index
JOIN pg_class class ON class.oid = indexrelid
JOIN pg_am ON pg_am.oid = relam AND amname = 'btree'
CROSS JOIN LATERAL unnest(indkey::int2[], indcollation::oid[], indoption::int2[])
  WITH ORDINALITY AS part (number, collation_oid, option, position)
LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = number
LEFT JOIN pg_collation ON pg_collation.oid = collation_oid
WHERE indrelid = $1 AND indisvalid AND indpred IS NULL AND position <= indnkeyatts
GROUP BY indexrelid
HAVING bool_and(option = 0)`;

const baseColumns = `
SELECT position::int AS position, class.oid::regclass::text AS table,
       class.oid::text AS "tableOid", nspname AS schema, relname AS relation,
       attname AS column, relkind IN ('r', 'p', 'm') AS "isTable", NOT attnotnull AS "isNullable"
FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY AS field (table_oid, number, position)
JOIN pg_class class ON class.oid = table_oid
JOIN pg_namespace namespace ON namespace.oid = relnamespace
JOIN pg_attribute ON attrelid = table_oid AND attnum = number
ORDER BY position`;
