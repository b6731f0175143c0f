import { isInterruption, isPostgresError } from '@rivulet/postgres';
import type { Parameters, QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { readScans, type RelationScan } from './generic-plan';
import type { Watch } from '../watch/watch-query';
import { NarrowScans } from './narrow-scans';
import { readSurroundings, readTableFacts } from './table-facts';
import type { TableTracking } from './tracking';

/**
 * Finds out, by the plan of a query for whatever values its parameters have, of which tables it reads only rows with the
 * values of its parameters. Soundness: docs/adr/0022.
 *
 * To be called in a transaction that may write, with nothing of which anything stays.
 */
export async function trackQuery(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
  { relations, definitions, naming }: Watch,
): Promise<TableTracking[]> {
  if (relations.length === 0) return [];
  const tables = await readTableFacts(client, relations);
  const whole = (reason: string): TableTracking[] =>
    relations.map((table) => ({
      table,
      name: tables.get(table)?.name ?? table,
      columns: undefined,
      reason,
    }));
  if (template.parameters.length === 0) return whole('the query has no parameter');
  if (naming === undefined) return whole('it is not known how the query names it');
  const surroundings = await readSurroundings(client);
  if (surroundings.obstacle !== undefined) return whole(surroundings.obstacle);
  const scans = await planned(client, template, parameters);
  if (typeof scans === 'string') return whole(scans);
  const canCompareTexts =
    surroundings.isUtf8 && (await areDeterministic(client, definitions.get('collation') ?? new Set()));
  const narrow = new NarrowScans({ template, parameters, naming, tables, scans, canCompareTexts });
  return relations.map((table) => narrow.trackingOf(table));
}

async function planned(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<RelationScan[] | string> {
  try {
    return (
      (await readScans(client, template, parameters)) ?? 'the plan of the query is too large to be examined'
    );
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    return `PostgreSQL does not plan the query for parameters in general: ${error.message}`;
  }
}

/** Whether texts are equal by all of these only when their bytes are. */
export async function areDeterministic(
  client: ClientBase,
  collations: ReadonlySet<string>,
): Promise<boolean> {
  const { rows } = await client.query<{ areAll: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM pg_collation WHERE oid = ANY ($1::oid[]) AND NOT collisdeterministic) AS "areAll"`,
    [[...collations]],
  );
  return rows[0]!.areAll;
}
