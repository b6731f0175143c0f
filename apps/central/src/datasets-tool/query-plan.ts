import {
  bindQuery,
  canonicalSelect,
  renderQuery,
  type Parameters,
  type QueryTemplate,
} from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { Dataset } from '../datasets/dataset-catalogue';

/** A node of EXPLAIN (FORMAT JSON). https://www.postgresql.org/docs/current/using-explain.html */
export interface PlanNode {
  'Node Type': string;
  'Parent Relationship'?: string;
  'Plan Rows': number;
  'Plan Width': number;
  'Index Name'?: string;
  'Relation Name'?: string;
  Schema?: string;
  Filter?: string;
  'Index Cond'?: string;
  'Recheck Cond'?: string;
  Plans?: PlanNode[];
}

/** A statement to explain: with the values of a device, or with `$1` … where a device's would be. */
export interface Explainable {
  statement: string;
  isGeneric: boolean;
}

/** The SELECT of the statement that central reads a dataset with, its ORDER BY included. */
export function datasetStatement(dataset: Dataset, parameters: Parameters, isBound: boolean): Explainable {
  const { template } = dataset.definition.query;
  const boundQuery = isBound ? bindQuery(template, parameters) : numberParameters(template, parameters);
  const keyColumns = dataset.definition.key.length;
  const statement = canonicalSelect({ boundQuery, columns: dataset.columns, keyColumns });
  return { statement, isGeneric: !isBound };
}

/** The names of a query's parameters, in the order of their numbers. */
export function parameterNames(template: QueryTemplate): string[] {
  return [...new Set(template.parameters)];
}

export async function planOf(client: ClientBase, { statement, isGeneric }: Explainable): Promise<PlanNode> {
  const options = `${isGeneric ? 'GENERIC_PLAN, ' : ''}VERBOSE, FORMAT JSON`;
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `EXPLAIN (${options}) ${statement}`,
  );
  return rows[0]!['QUERY PLAN'][0].Plan;
}

export function allNodes(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(allNodes)];
}

/** How the rows come to be in the order of the key. */
export type KeyOrder =
  { by: 'sort'; rows: number } | { by: 'index'; index: string } | { by: 'other'; node: string };

export function keyOrderOf(plan: PlanNode): KeyOrder {
  for (let node = plan; ;) {
    if (node['Node Type'].endsWith('Sort')) return { by: 'sort', rows: node['Plan Rows'] };
    const index = node['Index Name'];
    if (index !== undefined) return { by: 'index', index };
    // Of a join the outer side gives the order.
    const next = node.Plans?.find((below) =>
      /^(Outer|Subquery|Member)$/.test(below['Parent Relationship'] ?? ''),
    );
    if (next === undefined) return { by: 'other', node: node['Node Type'] };
    node = next;
  }
}

function numberParameters(template: QueryTemplate, parameters: Parameters): string {
  const names = parameterNames(template);
  return renderQuery(template, (name) => `($${names.indexOf(name) + 1}::${parameters.get(name)!.type})`);
}
