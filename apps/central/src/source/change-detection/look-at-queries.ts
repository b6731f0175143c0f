import {
  findRowScan,
  DependencyWalk,
  trackQuery,
  watchQuery,
  type DefinitionKeys,
  type DefinitionKind,
  type RowScan,
  type TableTracking,
  type Watch,
} from '@rivulet/datasets';
import { isInterruption, inUndoneSavepoint, isPostgresError } from '@rivulet/postgres';
import type { DescribedColumn, Parameters, QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';

/** A query of the datasets file, under the name by which its watch is asked for. */
export interface WatchedQuery {
  name: string;
  /** For messages, where the name is not fit for them. */
  label?: string;
  template: QueryTemplate;
  /** Names and types. */
  parameters: Parameters;
  /** The columns of the key of a dataset; the same query can stand in several datasets with different keys. */
  key?: readonly DescribedColumn[];
}

/** The dependencies of a query, and how they were defined when they were found. */
export interface Look extends Watch {
  tracking: TableTracking[];
  /** Or why its rows are not made of one row each. */
  rowScan: RowScan | string;
  /** Undefined while it is not certain that the rest fits any definition. */
  definition: string | undefined;
  isRefused: boolean;
}

/** To be called in a transaction that may write, with nothing of which anything stays. */
export async function lookAtEach(client: ClientBase, queries: WatchedQuery[]): Promise<[string, Look][]> {
  const walk = await DependencyWalk.begin(client);
  const looks: [string, Look][] = [];
  for (const query of queries) looks.push([query.name, await lookAtOne(client, query, walk)]);
  return looks;
}

/** The other queries are still worth watching when PostgreSQL refuses one. */
async function lookAtOne(
  client: ClientBase,
  { template, parameters }: WatchedQuery,
  walk: DependencyWalk,
): Promise<Look> {
  try {
    const watch = await inUndoneSavepoint(client, () => watchQuery(client, template, parameters, walk));
    if (watch.polled !== undefined) {
      return { ...watch, tracking: [], rowScan: 'it is polled', definition: undefined, isRefused: false };
    }
    const tracking = await trackQuery(client, template, parameters, watch);
    const rowScan = await findRowScan(client, template, parameters, watch);
    return { ...watch, tracking, rowScan, definition: undefined, isRefused: false };
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    const polled = `PostgreSQL refuses it: ${error.message}`;
    return {
      relations: [],
      definitions: new Map(),
      tracking: [],
      rowScan: polled,
      definition: undefined,
      polled,
      isRefused: true,
    };
  }
}

/** The union of their dependencies. */
export function unionOf(watches: readonly Pick<Watch, 'definitions'>[]): DefinitionKeys {
  const union = new Map<DefinitionKind, Set<string>>();
  for (const { definitions } of watches) {
    for (const [kind, oids] of definitions) {
      const known = union.get(kind) ?? new Set<string>();
      for (const oid of oids) known.add(oid);
      union.set(kind, known);
    }
  }
  return union;
}
