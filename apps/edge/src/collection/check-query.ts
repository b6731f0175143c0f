import { nodesOf, parseNodeTree, parseQuery, provenStableFunctions, readTreeFacts } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { extensionTypes } from '@rivulet/protocol';
import { isPostgresError } from '@rivulet/postgres';
import { significantTokens, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { findAllowed } from './allowed-relations';

/** Stable functions that say what time it is; the others that are allowed depend on their arguments and settings. */
const clockFunctions = ['now', 'statement_timestamp', 'transaction_timestamp'];

/**
 * Refuses a query that does anything but compute values from the tables and views of a list. PostgreSQL itself parses it,
 * so that names mean what they will mean when it runs, and each relation, function, operator and aggregate in the tree is
 * looked up by its OID. A function must be PostgreSQL's own and immutable, or one that is known to be harmless; one that
 * nobody knows is refused. A view of the list may do what its owner has it do.
 *
 * The caller has opened a transaction that may write, of which nothing stays.
 *
 * @param template - without parameters
 * @throws RivuletError COLLECTION_NOT_ALLOWED · COLLECTION_QUERY_FAILED when PostgreSQL does not understand it
 */
export async function checkQuery(
  client: ClientBase,
  template: QueryTemplate,
  allow: readonly string[],
): Promise<void> {
  requireBalance(template);
  const tree = parseNodeTree(
    await parseQuery(client, template, new Map()).catch((error: unknown) => {
      throw explain(error);
    }),
  );
  const facts = readTreeFacts(tree);
  if (facts.obstacle?.startsWith('it has a part') === true) throw notAllowed(facts.obstacle);
  const domain = [...nodesOf(tree)].find(({ tag }) => tag === 'COERCETODOMAIN' || tag === 'ROWMARKCLAUSE');
  if (domain !== undefined) throw notAllowed('it makes values of a domain, or locks rows');
  await requireRelations(client, facts.relations, allow);
  await requireFunctions(client, facts.functions, facts.operators);
}

/**
 * The text stands in parentheses, when it is parsed here and when its rows are copied. One that closes a parenthesis
 * which it has not opened could mean one thing here and another there.
 */
function requireBalance({ texts }: QueryTemplate): void {
  let depth = 0;
  for (const { text } of significantTokens(texts.join(''))) {
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (depth < 0) throw notAllowed('it closes a parenthesis that it has not opened');
  }
  if (depth > 0) throw notAllowed('it opens a parenthesis that it does not close');
}

async function requireRelations(
  client: ClientBase,
  relations: Set<string>,
  allow: readonly string[],
): Promise<void> {
  const allowed = await findAllowed(client, allow);
  const others = [...relations].filter((oid) => !allowed.has(oid));
  if (others.length === 0) return;
  const { rows } = await client.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class WHERE oid = ANY ($1::oid[]) ORDER BY name LIMIT 10`,
    [others],
  );
  throw notAllowed(
    `it reads ${rows.map(({ name }) => name).join(', ')}, which EDGE_COLLECT_ALLOW does not name`,
  );
}

/** Aggregates and window functions are among them; prosrc is the name in C, which no role can change. */
const selectForbidden = `
SELECT DISTINCT function.oid::regprocedure::text AS name
FROM pg_proc AS function
JOIN pg_namespace AS namespace ON namespace.oid = pronamespace
WHERE (function.oid = ANY ($1::oid[])
    OR function.oid IN (SELECT oprcode FROM pg_operator WHERE oid = ANY ($2::oid[])))
  AND NOT (
    nspname = 'pg_catalog' AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'internal')
      AND (provolatile = 'i' OR prosrc = ANY ($3::text[]))
    OR nspname = 'pg_catalog' AND provolatile = 'i'
      AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql') AND function.oid < 16384
    OR provolatile = 'i' AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
      AND EXISTS (SELECT FROM pg_depend JOIN pg_extension AS extension ON extension.oid = refobjid
                  WHERE classid = 'pg_proc'::regclass AND objid = function.oid
                    AND refclassid = 'pg_extension'::regclass AND deptype = 'e' AND extname = ANY ($4::text[])))
ORDER BY name LIMIT 10`;

async function requireFunctions(
  client: ClientBase,
  functions: Set<string>,
  operators: Set<string>,
): Promise<void> {
  const { rows } = await client.query<{ name: string }>(selectForbidden, [
    [...functions],
    [...operators],
    [...provenStableFunctions, ...clockFunctions],
    Object.keys(extensionTypes),
  ]);
  if (rows.length === 0) return;
  throw notAllowed(`it calls ${rows.map(({ name }) => name).join(', ')}, which a collected query may not`);
}

function explain(error: unknown): unknown {
  if (!isPostgresError(error) || error.code.startsWith('57') || error.code.startsWith('08')) return error;
  return new RivuletError(
    'COLLECTION_QUERY_FAILED',
    `PostgreSQL does not take the query: ${error.message}.`,
    {
      cause: error,
    },
  );
}

function notAllowed(reason: string): RivuletError {
  return new RivuletError('COLLECTION_NOT_ALLOWED', `The device does not allow the query: ${reason}.`);
}
