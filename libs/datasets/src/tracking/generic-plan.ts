import { inUndoneSavepoint, isPostgresError, preparedStatement, sqlState } from '@rivulet/postgres';
import { renderQuery, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';

/** A node of the plan that reads a relation. */
export interface RelationScan {
  /** OID, as text. */
  relation: string;
  alias: string;
  /** Whether it reads all rows of the relation and returns those that meet the filter. */
  isPlain: boolean;
  filter: string;
}

/**
 * The number of the query's first parameter. Up to version 16 PostgreSQL prints what an InitPlan returns as `$0`, `$1` …,
 * too: these are counted from 0, so that they stay apart from parameters.
 */
export const FIRST_PARAMETER = 1_001;

/** A plan of more than this is one of hundreds of partitions. */
const MAX_PLAN_BYTES = 4 * 1024 * 1024;

/**
 * The scans in the plan of a query for whatever values its parameters have, with all rows of a relation read by one kind of
 * scan, and nothing left out because of constraints or of the bounds of partitions. Undefined when the plan is too large.
 *
 * To be called in a transaction that may write, with nothing of which anything stays.
 *
 * @throws what PostgreSQL refuses the query with
 */
export async function readScans(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<RelationScan[] | undefined> {
  const { nodes, oids } = await planNodes(client, template, parameters);
  if (JSON.stringify(nodes).length > MAX_PLAN_BYTES || hasManyInitPlans(nodes)) return undefined;
  return nodes.flatMap((node) => scanOf(node, oids) ?? []);
}

/** A plan that is one scan of one table, whose rows it returns one by one. */
export interface OnlyScan extends RelationScan {
  /** The columns it returns, as EXPLAIN (VERBOSE) prints them. */
  output: string[];
  /** Bytes that it returns, as PostgreSQL guesses for a value of the parameters that it does not know. */
  guessedBytes: number;
}

/** As readScans, where the plan is nothing but a scan; else the kinds of its nodes. */
export async function readOnlyScan(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<OnlyScan | string[]> {
  const { nodes, oids } = await planNodes(client, template, parameters);
  const [node] = nodes;
  const scan = node && nodes.length === 1 ? scanOf(node, oids) : undefined;
  if (scan?.isPlain !== true) return [...new Set(nodes.map((each) => each['Node Type']))];
  const { Output: output = [], 'Plan Rows': rows = 0, 'Plan Width': width = 0 } = node!;
  return { ...scan, output, guessedBytes: rows * width };
}

async function planNodes(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<PlannedNodes> {
  try {
    return await planOnce(client, template, parameters);
  } catch (error) {
    if (!isPostgresError(error) || error.code !== sqlState.duplicatePreparedStatement) throw error;
    // It outlives a rollback, and was left by a session whose DEALLOCATE was cut off.
    await client.query('DEALLOCATE rivulet_tracked');
    return planOnce(client, template, parameters);
  }
}

async function planOnce(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<PlannedNodes> {
  let isPrepared = false;
  try {
    return await inUndoneSavepoint(client, async () => {
      await client.query(plainPlans);
      const names = parameterNames(template);
      await client.query(prepare(template, parameters, names));
      isPrepared = true;
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE rivulet_tracked ${values(names)}`,
      );
      const nodes = allNodes(rows[0]!['QUERY PLAN'][0].Plan);
      return { nodes, oids: await oidsOf(client, nodes) };
    });
  } finally {
    if (isPrepared) await client.query('DEALLOCATE rivulet_tracked').catch(() => undefined);
  }
}

interface PlannedNodes {
  nodes: PlanNode[];
  oids: Map<string, string>;
}

/** In the order of their numbers. */
export function parameterNames({ parameters }: QueryTemplate): string[] {
  return [...new Set(parameters)];
}

/** Those of these settings that this version has, until the end of the savepoint. */
const plainPlans = `
SELECT set_config(name, CASE name WHEN 'plan_cache_mode' THEN 'force_generic_plan'
  WHEN 'max_parallel_workers_per_gather' THEN '0' ELSE 'off' END, true)
FROM unnest(ARRAY['plan_cache_mode', 'max_parallel_workers_per_gather', 'enable_indexscan', 'enable_indexonlyscan', 'enable_bitmapscan',
  'enable_tidscan', 'enable_partition_pruning', 'enable_self_join_elimination', 'constraint_exclusion']) AS name
WHERE current_setting(name, true) IS NOT NULL`;

/** Without parameters there is nothing to number: a thousand of them take PostgreSQL longer than the plan. */
function fillers(names: string[]): number {
  return names.length === 0 ? 0 : FIRST_PARAMETER - 1;
}

function prepare(template: QueryTemplate, parameters: Parameters, names: string[]): string {
  const types = [
    ...Array.from({ length: fillers(names) }, () => 'bool'),
    ...names.map((name) => parameters.get(name)!.type),
  ];
  const query = renderQuery(template, (name) => `($${FIRST_PARAMETER + names.indexOf(name)})`);
  const signature = types.length === 0 ? '' : `(${types.join(',')})`;
  return `PREPARE rivulet_tracked ${signature} AS SELECT * FROM (\n${query}\n) AS query`;
}

function values(names: string[]): string {
  if (names.length === 0) return '';
  return `(${Array.from({ length: fillers(names) + names.length }, () => 'NULL').join(',')})`;
}

interface PlanNode {
  'Node Type': string;
  Schema?: string;
  'Relation Name'?: string;
  Alias?: string;
  Filter?: string;
  Output?: string[];
  'Plan Rows'?: number;
  'Plan Width'?: number;
  'Subplan Name'?: string;
  Plans?: PlanNode[];
}

function allNodes({ Plans: plans = [], ...node }: PlanNode): PlanNode[] {
  return [node, ...plans.flatMap(allNodes)];
}

/** `InitPlan 1 (returns $0)` */
function hasManyInitPlans(nodes: PlanNode[]): boolean {
  const numbers = nodes.flatMap((node) => node['Subplan Name']?.match(/(?<=\$)\d+/g) ?? []);
  return numbers.some((number) => Number(number) >= FIRST_PARAMETER);
}

function scanOf(node: PlanNode, oids: ReadonlyMap<string, string>): RelationScan | undefined {
  const relation = oids.get(nameOf(node));
  if (relation === undefined) return undefined;
  const isPlain = node['Node Type'] === 'Seq Scan';
  return { relation, alias: node.Alias ?? '', isPlain, filter: node.Filter ?? '' };
}

function nameOf(node: PlanNode): string {
  return JSON.stringify([node.Schema, node['Relation Name']]);
}

async function oidsOf(client: ClientBase, nodes: PlanNode[]): Promise<Map<string, string>> {
  const names = new Set(nodes.flatMap((node) => node['Relation Name'] ?? []));
  const { rows } = await client.query<{ oid: string; schema: string; name: string }>(findRelations, [
    [...names],
  ]);
  return new Map(rows.map(({ oid, schema, name }) => [JSON.stringify([schema, name]), oid]));
}

/** By the index on relname, which may be that of another schema. */
const findRelations = preparedStatement(
  'rivulet relations by name',
  `SELECT pg_class.oid::text AS oid, nspname AS schema, relname AS name
   FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE relname = ANY ($1::name[])`,
);
