import {
  bindQuery,
  canonicalSelect,
  renderQuery,
  type Parameters,
  type QueryTemplate,
} from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { Dataset } from '@rivulet/datasets';

/** A node of EXPLAIN (FORMAT JSON). https://www.postgresql.org/docs/current/using-explain.html */
export interface PlanNode {
  'Node Type': string;
  'Parent Relationship'?: string;
  'Plan Rows': number;
  'Plan Width': number;
  'Subplans Removed'?: number;
  'Index Name'?: string;
  'Relation Name'?: string;
  Filter?: string;
  'Index Cond'?: string;
  'Recheck Cond'?: string;
  Plans?: PlanNode[];
}

/** A statement to explain, with the values of a device or with `$1` … instead. */
export interface Explainable {
  statement: string;
  isGeneric: boolean;
  /** The number of parameters `$1` …. */
  parameterCount: number;
}

/** server_version_num of the first PostgreSQL whose EXPLAIN has GENERIC_PLAN. */
const FIRST_WITH_GENERIC_PLAN = 160_000;

/** The SELECT with which central reads a dataset, including its ORDER BY. */
export function datasetStatement(dataset: Dataset, parameters: Parameters, isBound: boolean): Explainable {
  const { template } = dataset.definition.query;
  const boundQuery = isBound ? bindQuery(template, parameters) : numberParameters(template, parameters);
  const keyColumns = dataset.definition.key.length;
  const statement = canonicalSelect({ boundQuery, columns: dataset.columns, keyColumns });
  return { statement, isGeneric: !isBound, parameterCount: isBound ? 0 : parameterNames(template).length };
}

/** The names of a query's parameters, in the order of their numbers. */
export function parameterNames(template: QueryTemplate): string[] {
  return [...new Set(template.parameters)];
}

export async function planOf(client: ClientBase, explainable: Explainable): Promise<PlanNode> {
  const [plan] = await explain<[{ Plan: PlanNode }]>(client, explainable, ['VERBOSE', 'FORMAT JSON']);
  return plan![0].Plan;
}

/** The output of EXPLAIN, row by row. Must be called in a transaction. */
export async function explain<T = string>(
  client: ClientBase,
  explainable: Explainable,
  options: string[],
): Promise<T[]> {
  if (!explainable.isGeneric) return explainStatement<T>(client, explainable.statement, options);
  if ((await versionOf(client)) < FIRST_WITH_GENERIC_PLAN)
    return explainPrepared<T>(client, explainable, options);
  return explainStatement<T>(client, explainable.statement, ['GENERIC_PLAN', ...options]);
}

const versions = new WeakMap<ClientBase, number>();

/** server_version_num, asked once. */
async function versionOf(client: ClientBase): Promise<number> {
  const known = versions.get(client);
  if (known !== undefined) return known;
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  versions.set(client, rows[0]!.version);
  return rows[0]!.version;
}

/** The same plan for versions without GENERIC_PLAN. */
async function explainPrepared<T>(
  client: ClientBase,
  { statement, parameterCount }: Explainable,
  options: string[],
): Promise<T[]> {
  // The call before, or one that failed, may have left it: prepared statements outlive a rollback.
  await client.query(`
    DO $$ BEGIN
      IF EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'rivulet_explained') THEN
        DEALLOCATE rivulet_explained;
      END IF;
    END $$;
    SET LOCAL plan_cache_mode = force_generic_plan;
    PREPARE rivulet_explained AS ${statement}`);
  const values = Array.from({ length: parameterCount }, () => 'NULL').join(', ');
  const call = `EXECUTE rivulet_explained${parameterCount === 0 ? '' : ` (${values})`}`;
  return explainStatement<T>(client, call, options);
}

async function explainStatement<T>(client: ClientBase, statement: string, options: string[]): Promise<T[]> {
  const list = options.length === 0 ? '' : ` (${options.join(', ')})`;
  const { rows } = await client.query<{ 'QUERY PLAN': T }>(`EXPLAIN${list} ${statement}`);
  return rows.map((row) => row['QUERY PLAN']);
}

export function allNodes(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(allNodes)];
}

/** How many rows PostgreSQL sorts to get the order of the key; undefined if they come in that order. */
export function sortedRows(plan: PlanNode): number | undefined {
  if (plan['Node Type'].endsWith('Sort')) return plan['Plan Rows'];
  if (plan['Index Name'] !== undefined) return undefined;
  // The order of a join is that of its outer side.
  const next = plan.Plans?.find((node) =>
    /^(Outer|Subquery|Member)$/.test(node['Parent Relationship'] ?? ''),
  );
  return next && sortedRows(next);
}

function numberParameters(template: QueryTemplate, parameters: Parameters): string {
  const names = parameterNames(template);
  return renderQuery(template, (name) => `($${names.indexOf(name) + 1}::${parameters.get(name)!.type})`);
}
