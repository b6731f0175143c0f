import type { Dataset } from '@rivulet/datasets';
import { bindQuery, type Parameters } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';

/** The column of a table or view that a dataset's column returns unchanged. */
export interface BaseColumn {
  /** The table's name in SQL, without the schema if that is on the search path. */
  table: string;
  tableOid: string;
  column: string;
  isTable: boolean;
  isNullable: boolean;
}

/** The base column of each key column; undefined for one that the query computes. */
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
  const { rows } = await client.query<BaseColumn & { position: number }>({
    name: 'rivulet base columns',
    text: baseColumns,
    values: [keyFields.map((field) => field.tableID), keyFields.map((field) => field.columnID)],
  });
  return keyFields.map((_, index) => rows.find((row) => row.position === index + 1));
}

const baseColumns = `
SELECT position::int AS position, class.oid::regclass::text AS table, class.oid::text AS "tableOid",
       attname AS column, relkind IN ('r', 'p', 'm') AS "isTable", NOT attnotnull AS "isNullable"
FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY AS field (table_oid, number, position)
JOIN pg_class class ON class.oid = table_oid
JOIN pg_attribute ON attrelid = table_oid AND attnum = number
ORDER BY position`;
