import type { Parameters } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { Dataset } from '@rivulet/datasets';
import { createIndex, hasIndex, indexFor, keyBaseColumns, type BaseColumn } from './base-columns';
import { allNodes, type PlanNode } from './query-plan';

/** What could spare PostgreSQL the sort by the key. */
export type OrderAdvice =
  | { kind: 'create-index'; statement: string }
  /** There is an index, and PostgreSQL finds sorting cheaper. */
  | { kind: 'has-index' }
  | { kind: 'no-index-can'; reason: string };

/** `plan` is the generic one, whose conditions have `$1` … where a device's values would be. */
export async function adviseOnOrder(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  plan: PlanNode,
): Promise<OrderAdvice> {
  const { key } = dataset.definition;
  const found = await keyBaseColumns(client, dataset, parameters);
  const computed = key.filter((_, index) => found[index] === undefined);
  if (computed.length > 0) return { kind: 'no-index-can', reason: `${computed.join(', ')} is computed` };
  const base = found as BaseColumn[];
  const tables = [...new Set(base.map(({ table }) => table))];
  if (tables.length > 1) {
    return { kind: 'no-index-can', reason: `its columns come from ${tables.join(' and ')}` };
  }
  if (!base[0]!.isTable)
    return { kind: 'no-index-can', reason: `${tables[0]} is a view; look at its tables` };
  const wanted = indexFor(dataset, base, equalColumns(plan, base[0]!));
  if (await hasIndex(client, wanted)) return { kind: 'has-index' };
  return { kind: 'create-index', statement: createIndex(wanted) };
}

/** `(u.company_id = $1)`: within them the order of the other columns of an index is that of the whole. */
const EQUALITY = /\((?:(?:"(?:[^"]|"")+"|\w+)\.)?(?<name>"(?:[^"]|"")+"|\w+) = \$\d+\)/g;

function equalColumns(plan: PlanNode, { schema, relation }: BaseColumn): string[] {
  const isOfTable = (node: PlanNode): boolean => node['Relation Name'] === relation && node.Schema === schema;
  const conditions = allNodes(plan).flatMap((node) =>
    isOfTable(node) ? [node.Filter, node['Index Cond'], node['Recheck Cond']] : [],
  );
  const names = conditions.flatMap((text) =>
    [...(text ?? '').matchAll(EQUALITY)].map((match) => match.groups!['name']!),
  );
  return [...new Set(names.map((name) => name.replaceAll(/^"|"$/g, '').replaceAll('""', '"')))];
}
