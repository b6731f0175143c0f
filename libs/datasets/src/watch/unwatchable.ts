import type { ClientBase } from 'pg';
import { nodesOf, readText, textsOf, type Said } from './plan-text';

/**
 * Literals that become the date of the day when they are read as a date. Then they are in the plan as that date; as
 * mere texts they are there as they were written.
 */
const MOVING_LITERAL = /^[eE]?'\s*(?:[\d:.]+\s+)?(?:now|today|tomorrow|yesterday)(?:\s+[\d:.]+)?\s*'$/i;

/** Why the result of a plan can change without a write to the tables in it; undefined when it cannot. */
export async function findUnwatchable(
  client: ClientBase,
  plan: unknown,
  query: string,
): Promise<string | undefined> {
  const nodes = [...nodesOf(plan)];
  if (nodes.some((node) => node['Sampling Method'] !== undefined)) return 'it takes a sample of a table';
  const planned = nodes.flatMap((node) => [...textsOf(node)].map(readText));
  for (const { Schema: schema, 'Function Name': name } of nodes) {
    if (name !== undefined) planned.push({ ...readText(''), calls: [{ schema, name }] });
  }
  const written = readText(query);
  const clock = [...planned, written].find((said) => said.clock !== undefined)?.clock;
  if (clock !== undefined) return `it asks for ${clock}`;
  const kept = new Set(planned.flatMap(({ literals }) => literals));
  const literal = written.literals.find((text) => MOVING_LITERAL.test(text) && !kept.has(text));
  if (literal !== undefined) return `it asks for ${literal}`;
  return findMoving(client, planned, written);
}

async function findMoving(client: ClientBase, planned: Said[], written: Said): Promise<string | undefined> {
  const calls = planned.flatMap((said) => said.calls);
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
 * $1 and $2: the functions in the plan. Of pg_catalog, those are named that are volatile, clocks, or read the
 * catalogues and what the server does. Of the users', all that are not immutable and that PostgreSQL did not inline:
 * nobody sees what they read, also not those in C (crosstab() runs any query).
 * $3: what the query as it was written calls, as LIMIT and OFFSET are in no plan; users' functions may be inlined.
 * $4 and $5: operators and casts, which hide functions, too; extensions' own in C are taken to be harmless.
 * By name alone, so that of two functions with one name the worse is assumed.
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
