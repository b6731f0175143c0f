import type { ClientBase } from 'pg';
import { expressionsOf, nodesOf } from './plan-nodes';
import { readReferences, type SqlReferences } from './sql-references';

/**
 * Literals that mean the current day when cast to a date. Then the plan contains that date; if they are plain text, the
 * plan contains them as written.
 */
const MOVING_LITERAL = /^[eE]?'\s*(?:[\d:.]+\s+)?(?:now|today|tomorrow|yesterday)(?:\s+[\d:.]+)?\s*'$/i;

/** Why the result of a plan can change without a write to its tables; undefined if it cannot. */
export async function findUnwatchable(
  client: ClientBase,
  plan: unknown,
  query: string,
): Promise<string | undefined> {
  const nodes = [...nodesOf(plan)];
  if (nodes.some((node) => node['Sampling Method'] !== undefined)) return 'it takes a sample of a table';
  const planned = nodes.flatMap((node) => [...expressionsOf(node)].map(readReferences));
  for (const { Schema: schema, 'Function Name': name } of nodes) {
    if (name !== undefined) planned.push({ ...readReferences(''), calls: [{ schema, name }] });
  }
  const written = readReferences(query);
  const clock = [...planned, written].find((references) => references.clock !== undefined)?.clock;
  if (clock !== undefined) return `it asks for ${clock}`;
  const kept = new Set(planned.flatMap(({ literals }) => literals));
  const literal = written.literals.find((text) => MOVING_LITERAL.test(text) && !kept.has(text));
  if (literal !== undefined) return `it asks for ${literal}`;
  return findMoving(client, planned, written);
}

async function findMoving(
  client: ClientBase,
  planned: SqlReferences[],
  written: SqlReferences,
): Promise<string | undefined> {
  const calls = planned.flatMap((references) => references.calls);
  const { rows } = await client.query<{ reason: string }>(findReasons, [
    calls.map(({ schema }) => schema ?? null),
    calls.map(({ name }) => name),
    written.calls.map(({ name }) => name),
    planned.flatMap(({ operators }) => operators),
    planned.flatMap(({ casts }) => casts),
  ]);
  return rows[0]?.reason;
}

/**
 * $1 and $2: functions in the plan. Reported are functions of pg_catalog that are volatile, return the time, or read
 * catalogues or server state, and users' functions that are neither immutable nor inlined: the tables that they read are
 * unknown, even if they are written in C (crosstab() runs any query).
 * $3: calls in the written query, as LIMIT and OFFSET are not in the plan; users' functions may be inlined.
 * $4 and $5: operators and casts, which call functions; those of extensions in C are assumed to be harmless.
 * Functions are compared by name: if several have the name, the least predictable one counts.
 */
const findReasons = `
WITH functions AS (
  SELECT proc.oid, proname, nspname, lanname, provolatile,
    nspname = 'pg_catalog' AND (provolatile = 'v'
      OR proname IN ('now', 'transaction_timestamp', 'statement_timestamp', 'obj_description', 'col_description')
      OR (provolatile = 's' AND proname ~ '^(pg_|txid_|inet_|has_|to_reg|(table|schema|database)_to_xml)'
        AND proname !~ '^pg_(typeof|basetype|column_size|collation_for|client_encoding|input_|.*_to_.*encoding|encoding_to_char)')
    ) AS is_moving,
    nspname <> 'pg_catalog' AND provolatile <> 'i' AS is_hidden
  FROM pg_proc proc JOIN pg_namespace ON pg_namespace.oid = pronamespace JOIN pg_language language ON language.oid = prolang
  WHERE prokind = 'f' AND provolatile <> 'i'
), called AS (
  SELECT proname FROM functions
  WHERE (is_moving OR is_hidden) AND EXISTS (
    SELECT FROM unnest($1::text[], $2::text[]) AS call (schema, name)
    WHERE name = proname AND CASE WHEN schema IS NULL THEN pg_function_is_visible(oid) ELSE schema = nspname END)
  UNION SELECT proname FROM functions WHERE is_moving AND proname = ANY ($3::text[])
)
SELECT 'it calls ' || proname || '()' AS reason FROM called
UNION ALL
SELECT 'it uses the operator ' || oprname || ', which calls ' || proname || '()'
FROM pg_operator JOIN functions ON functions.oid = oprcode
WHERE is_hidden AND lanname NOT IN ('internal', 'c') AND oprname = ANY ($4::text[])
UNION ALL
SELECT 'it casts to ' || format_type(casttarget, NULL) || ', which calls ' || proname || '()'
FROM pg_cast JOIN functions ON functions.oid = castfunc
WHERE is_hidden AND lanname NOT IN ('internal', 'c') AND format_type(casttarget, NULL) = ANY ($5::text[])
ORDER BY 1 LIMIT 1`;
