import {
  DependencyWalk,
  findRowScan,
  trackQuery,
  watchQuery,
  type RowScan,
  type TableTracking,
  type Watch,
} from '@rivulet/datasets';
import {
  isInterruption,
  inTransaction,
  inUndoneSavepoint,
  isPostgresError,
  ownTables,
  withClient,
} from '@rivulet/postgres';
import type { Parameters, QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import { findSettingLiterals } from './setting-literals';

/** The dependencies of a query, and which of their changes count. */
export interface TrackedWatch extends Watch {
  tracking: TableTracking[];
  /** Or why each row of the result is not made of one row of one table. */
  rowScan: RowScan | string;
}

interface Query {
  template: QueryTemplate;
  parameters: Parameters;
}

/**
 * What each query depends on, in their order. In a transaction of its own on another connection: to be parsed a query
 * needs one that may write, of which nothing stays.
 */
export async function readWatches(
  source: Pool,
  queries: Query[],
  tell?: (index: number) => void,
): Promise<TrackedWatch[]> {
  return withClient(source, (client) =>
    inTransaction(client, ownTables, async () => {
      const walk = await DependencyWalk.begin(client);
      const watches: TrackedWatch[] = [];
      for (const [index, query] of queries.entries()) {
        watches.push(await readWatch(client, query, walk));
        tell?.(index);
      }
      return watches;
    }),
  );
}

async function readWatch(
  client: ClientBase,
  { template, parameters }: Query,
  walk: DependencyWalk,
): Promise<TrackedWatch> {
  try {
    const watch = await inUndoneSavepoint(client, async () => {
      const found = await watchQuery(client, template, parameters, walk);
      if (walk.obstacle !== undefined) return found;
      const literals = await findSettingLiterals(client, template, parameters);
      return { ...found, settings: [...(found.settings ?? []), ...literals] };
    });
    if (watch.polled !== undefined) return { ...watch, tracking: [], rowScan: watch.polled };
    const tracking = await trackQuery(client, template, parameters, watch);
    const rowScan = await findRowScan(client, template, parameters, watch);
    return { ...watch, tracking, rowScan };
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    const polled = `PostgreSQL refuses it: ${error.message}`;
    return { relations: [], definitions: new Map(), tracking: [], rowScan: polled, polled };
  }
}
