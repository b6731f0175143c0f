import { inUndoneSavepoint } from '@rivulet/postgres';
import { renderQuery, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { nodesOf } from './plan-nodes';
import { findUnwatchable } from './unwatchable';

/** The tables that the result of a query depends on. */
export interface Watch {
  /** OIDs of the tables, as text and in ascending order. */
  relations: string[];
  /** Why the result can change without a write to these tables; undefined if it cannot. */
  polled: string | undefined;
}

const STATEMENT = 'rivulet_watched_query';

/**
 * Has PostgreSQL plan a query, and finds the tables that it locks for planning, including those behind views. Uses the
 * generic plan, as with NULL for the parameters PostgreSQL could leave out parts of the query, and disables partition
 * pruning, as pruned partitions and their functions are not in the plan.
 *
 * Must be called in a transaction, which may be READ ONLY. Tables that it has already locked count only if they are in
 * the plan.
 */
export async function watchQuery(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<Watch> {
  try {
    // The rollback releases the locks, so that they do not count for the next query.
    return await inUndoneSavepoint(client, async () => {
      const before = new Set(await lockedRelations(client));
      const plan = await explain(client, template, parameters);
      const locked = (await lockedRelations(client)).filter((oid) => !before.has(oid));
      const rows = await findTables(client, locked, plan);
      const obstacle = rows.find((row) => row.obstacle !== null)?.obstacle;
      const polled =
        obstacle === undefined
          ? await findUnwatchable(
              client,
              plan,
              renderQuery(template, () => 'NULL'),
            )
          : `it reads ${obstacle}`;
      return { relations: rows.filter((row) => row.obstacle === null).map(({ oid }) => oid), polled };
    });
  } finally {
    // Prepared statements outlive a rollback. This one exists unless PostgreSQL rejected the query.
    await client.query(deallocate);
  }
}

async function explain(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<unknown> {
  const names = [...new Set(template.parameters)];
  const query = renderQuery(template, (name) => `($${names.indexOf(name) + 1})`);
  const types = names.map((name) => parameters.get(name)!.type).join(', ');
  const signature = names.length === 0 ? '' : ` (${types})`;
  const call = names.length === 0 ? '' : ` (${names.map(() => 'NULL').join(', ')})`;
  await client.query(
    'SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_partition_pruning = off',
  );
  await client.query(`PREPARE ${STATEMENT}${signature} AS SELECT * FROM (\n${query}\n) AS query`);
  const { rows } = await client.query<{ 'QUERY PLAN': unknown }>(
    `EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) EXECUTE ${STATEMENT}${call}`,
  );
  return rows[0]!['QUERY PLAN'];
}

/** Uses the function behind pg_locks, as the view itself would be locked. */
async function lockedRelations(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ oid: string }>(
    `SELECT DISTINCT relation::text AS oid FROM pg_lock_status()
     WHERE pid = pg_backend_pid() AND locktype = 'relation'`,
  );
  return rows.map(({ oid }) => oid);
}

/** Runs after the rollback: a failed EXPLAIN aborts the transaction. */
const deallocate = `
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_prepared_statements WHERE name = '${STATEMENT}') THEN DEALLOCATE ${STATEMENT}; END IF;
END $$`;

interface FoundTable {
  oid: string;
  /** Why it cannot have a trigger, or why a trigger would miss changes. */
  obstacle: string | null;
}

async function findTables(client: ClientBase, locked: string[], plan: unknown): Promise<FoundTable[]> {
  const planned = [...nodesOf(plan)].filter((node) => node['Relation Name'] !== undefined);
  const { rows } = await client.query<FoundTable>(findFamilies, [
    locked,
    planned.map((node) => node.Schema),
    planned.map((node) => node['Relation Name']),
  ]);
  return rows;
}

/**
 * The tables that are locked or in the plan, with their partitions and all parents of these: a statement fires the
 * triggers of the table that it names.
 */
const findFamilies = `
WITH RECURSIVE used AS (
  SELECT class.oid FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE class.oid = ANY ($1::oid[])
    OR (nspname::text, relname::text) IN (SELECT * FROM unnest($2::text[], $3::text[]))
), below AS (
  SELECT oid FROM used UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = oid
), family AS (
  SELECT oid FROM below UNION SELECT inhparent FROM pg_inherits JOIN family ON inhrelid = oid
), found AS (
  SELECT class.oid, relkind, relpersistence, nspname, relname, class.oid::regclass AS name
  FROM family JOIN pg_class class USING (oid) JOIN pg_namespace ON pg_namespace.oid = relnamespace
), judged AS (
  SELECT oid, relkind,
    CASE
      WHEN nspname IN ('pg_catalog', 'information_schema') THEN 'the catalogue ' || name
      WHEN relkind = 'm' THEN 'the materialized view ' || name
      WHEN relkind = 'f' THEN 'the foreign table ' || name
      WHEN relkind = 'S' THEN 'the sequence ' || name
      WHEN relkind = 'v' THEN NULL
      WHEN relpersistence = 'u' THEN 'the unlogged table ' || name || ', which a crash empties'
      WHEN relpersistence = 't' THEN 'the temporary table ' || name
      WHEN nspname = 'rivulet' AND relname IN ('changed_tables', 'table_versions')
        THEN name || ', where central keeps its own record of changes'
      WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = oid)
        THEN name || ', which logical replication fills'
    END AS obstacle
  FROM found
  WHERE relkind IN ('r', 'p', 'm', 'f', 'S', 'v')
)
SELECT oid::text AS oid, obstacle FROM judged WHERE relkind <> 'v' OR obstacle IS NOT NULL ORDER BY judged.oid`;
