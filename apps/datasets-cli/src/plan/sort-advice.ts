import type { Dataset } from '@rivulet/datasets';
import { nameOf, significantTokens, type Parameters } from '@rivulet/snapshot';
import { escapeIdentifier, type ClientBase } from 'pg';
import { formatCount } from '@rivulet/cli';
import { keyBaseColumns, type BaseColumn } from './base-columns';
import { allNodes, type PlanNode } from './query-plan';

/** Rows that PostgreSQL sorts within milliseconds. */
const SMALL_SORT_ROWS = 10_000;

/**
 * `this query sorts 20,000 rows; an index on readings (site_id, id) would avoid it`. Undefined for a small sort, and
 * where no index would help or the index exists.
 *
 * @param plan the generic plan, which has `$1` … instead of a device's values
 */
export async function adviseOnSort(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  plan: PlanNode,
  rows: number,
): Promise<string | undefined> {
  if (rows <= SMALL_SORT_ROWS) return undefined;
  const found = await keyBaseColumns(client, dataset, parameters);
  const base = found.filter((column) => column !== undefined);
  const [first] = base;
  const isOfOneTable = base.every(({ tableOid }) => tableOid === first?.tableOid);
  if (base.length < found.length || !first?.isTable || !isOfOneTable) return undefined;
  const columns = indexColumns(dataset, base, plan);
  if (await hasIndex(client, first.tableOid, columns)) return undefined;
  const listed = columns.map(({ name, isBytewise }) => quoted(name) + (isBytewise ? ' COLLATE "C"' : ''));
  return `this query sorts ${formatCount(rows)} rows; an index on ${first.table} (${listed.join(', ')}) would avoid it`;
}

interface IndexColumn {
  name: string;
  /** Whether the key compares it with COLLATE "C". */
  isBytewise: boolean;
}

/** The key, behind the columns that the query compares with a parameter. */
function indexColumns(dataset: Dataset, base: BaseColumn[], plan: PlanNode): IndexColumn[] {
  const compared = comparedColumns(plan, base[0]!).filter(
    (name) => !base.some(({ column }) => column === name),
  );
  return [
    ...compared.map((name) => ({ name, isBytewise: false })),
    ...base.map(({ column }, index) => ({ name: column, isBytewise: dataset.columns[index]!.collatable })),
  ];
}

/** Columns in conditions such as `(u.company_id = $1)`. */
function comparedColumns(plan: PlanNode, { table }: BaseColumn): string[] {
  const relation = nameOf(significantTokens(table).at(-1)!);
  const nodes = allNodes(plan).filter((node) => node['Relation Name'] === relation);
  const conditions = nodes.map((node) => [node.Filter, node['Index Cond'], node['Recheck Cond']]);
  return [...new Set(conditions.flat().flatMap((condition) => namesComparedIn(condition ?? '')))];
}

function namesComparedIn(condition: string): string[] {
  const tokens = significantTokens(condition);
  return tokens.flatMap((token, index) => {
    const [equals, parameter, end] = tokens.slice(index + 1, index + 4);
    const isCompared = equals?.text === '=' && parameter?.kind === 'positionalParameter' && end?.text === ')';
    return isCompared ? nameOf(token) : [];
  });
}

async function hasIndex(client: ClientBase, tableOid: string, columns: IndexColumn[]): Promise<boolean> {
  const { rowCount } = await client.query(indexWithColumns, [
    tableOid,
    columns.map(({ name }) => name),
    columns.map(({ isBytewise }) => isBytewise),
  ]);
  return rowCount !== 0;
}

/** An index may have more columns behind these. */
const indexWithColumns = `
SELECT FROM pg_index
WHERE indrelid = $1 AND indisvalid AND indpred IS NULL AND NOT EXISTS (
  SELECT FROM unnest($2::text[], $3::bool[]) WITH ORDINALITY AS wanted (name, is_bytewise, position)
  LEFT JOIN pg_attribute ON attrelid = indrelid AND attname = name AND attnum = indkey[position - 1]
  LEFT JOIN pg_collation ON pg_collation.oid = indcollation[position - 1]
  WHERE attnum IS NULL OR (is_bytewise AND collname IS DISTINCT FROM 'C'))`;

function quoted(name: string): string {
  return /^[a-z_][a-z_0-9]*$/.test(name) ? name : escapeIdentifier(name);
}
