import { inUndoneSavepoint, isInterruption, isPostgresError } from '@rivulet/postgres';
import {
  bindQuery,
  canonicalSelect,
  leavesNamesFree,
  nameOf,
  renderQuery,
  scopesSelect,
  significantTokens,
  type DescribedColumn,
  type Parameters,
  type QueryTemplate,
  type SqlToken,
} from '@rivulet/snapshot';
import type { ClientBase, FieldDef } from 'pg';

/** A query with the columns that are sent, the key's first. */
export interface DescribedQuery {
  template: QueryTemplate;
  parameters: Parameters;
  columns: DescribedColumn[];
  keyColumns: number;
}

/**
 * Why the rows of several scopes are not read in one statement, which has the query in a LATERAL: because they might not be
 * those that the query returns by itself. Undefined if they are read together.
 *
 * A query whose rows depend on the order in which PostgreSQL happens to find them is among these: nobody is wrong then,
 * but its rows would differ from one plan to the other, and devices would be sent what has not changed.
 *
 * The caller has opened a transaction.
 */
export async function whyAlone(client: ClientBase, query: DescribedQuery): Promise<string | undefined> {
  const { template, columns, keyColumns } = query;
  if (columns.slice(0, keyColumns).some(({ equalInManyTexts }) => equalInManyTexts)) {
    return 'equal keys can have different texts, and each scope is searched for such';
  }
  // The same for all scopes, which share what is read of it.
  if (template.parameters.length === 0) return undefined;
  if (!leavesNamesFree(template, columns)) return 'it has a name with "rivulet" in it';
  const tokens = significantTokens(renderQuery(template, () => 'NULL'));
  const unordered = whyUnordered(tokens) ?? (await whyCalls(client, tokens, columns));
  return unordered ?? whyRefused(client, query);
}

function whyUnordered(tokens: SqlToken[]): string | undefined {
  if (tokens.some((token) => isWord(token, 'order'))) return undefined;
  const limit = tokens.find((token) => ['limit', 'offset', 'fetch'].some((word) => isWord(token, word)));
  if (limit !== undefined) return `it has ${limit.text.toUpperCase()} without ORDER BY`;
  const isPicking = tokens.some(
    (token, index) => isWord(token, 'distinct') && isWord(tokens[index + 1], 'on'),
  );
  return isPicking ? 'it has DISTINCT ON without ORDER BY' : undefined;
}

function isWord(token: SqlToken | undefined, word: string): boolean {
  return token?.kind === 'name' && token.text.toLowerCase() === word;
}

interface CalledFunction {
  name: string;
  isVolatile: boolean;
  isAggregate: boolean;
}

/** Aggregates whose result does not depend on the order of their input; of floating-point numbers it does. */
const ORDER_FREE = new Set(
  `count min max sum avg bool_and bool_or every bit_and bit_or bit_xor stddev stddev_pop stddev_samp variance var_pop
   var_samp range_agg range_intersect_agg`.split(/\s+/),
);
const EXACT = new Set([
  'count',
  'min',
  'max',
  'bool_and',
  'bool_or',
  'every',
  'bit_and',
  'bit_or',
  'bit_xor',
]);

/** Names are looked up in all schemas: one too many only costs time. */
async function whyCalls(
  client: ClientBase,
  tokens: SqlToken[],
  columns: DescribedColumn[],
): Promise<string | undefined> {
  const places = tokens.flatMap((token, index) =>
    isCall(tokens, index) ? [[nameOf(token), index] as const] : [],
  );
  if (places.length === 0) return undefined;
  const { rows } = await client.query<CalledFunction>(findFunctions, [places.map(([name]) => name)]);
  const facts = new Map(rows.map((row) => [row.name, row]));
  const hasFloats = columns.some(({ sourceType }) => /^(real|double precision)\b/.test(sourceType));
  for (const [name, index] of places) {
    const called = facts.get(name);
    if (called?.isVolatile === true) {
      return `it calls ${name}(), which is VOLATILE; if that only reads, declare it STABLE`;
    }
    if (called?.isAggregate !== true || hasOrder(tokens, index)) continue;
    if (!ORDER_FREE.has(name)) return `it calls ${name}() without ORDER BY`;
    if (hasFloats && !EXACT.has(name)) {
      return `${name}() of floating-point numbers depends on their order`;
    }
  }
  return undefined;
}

function isCall(tokens: SqlToken[], index: number): boolean {
  const { kind } = tokens[index]!;
  return (kind === 'name' || kind === 'quotedName') && tokens[index + 1]?.text === '(';
}

/** Whether there is an ORDER BY in the parentheses behind a name, or in WITHIN GROUP behind these. */
function hasOrder(tokens: SqlToken[], index: number): boolean {
  const end = closingOf(tokens, index + 1);
  const isWithin = isWord(tokens[end + 1], 'within');
  return isWithin || tokens.slice(index, end).some((token) => isWord(token, 'order'));
}

function closingOf(tokens: SqlToken[], opening: number): number {
  let depth = 0;
  for (let index = opening; index < tokens.length; index++) {
    if (tokens[index]!.text === '(') depth += 1;
    if (tokens[index]!.text === ')') depth -= 1;
    if (depth === 0) return index;
  }
  return tokens.length;
}

const findFunctions = `
SELECT proname AS name, bool_or(provolatile = 'v') AS "isVolatile", bool_or(prokind = 'a') AS "isAggregate"
FROM pg_proc WHERE proname = ANY ($1) GROUP BY proname`;

/** Has PostgreSQL describe both statements. */
async function whyRefused(
  client: ClientBase,
  { template, parameters, columns, keyColumns }: DescribedQuery,
): Promise<string | undefined> {
  const boundQuery = bindQuery(template, parameters);
  const scopes = [parameters, parameters];
  try {
    const alone = await fieldsOf(client, canonicalSelect({ boundQuery, columns, keyColumns }));
    const [, ...together] = await fieldsOf(client, scopesSelect({ template, columns, keyColumns, scopes }));
    const isSame = JSON.stringify(together.map(typeOf)) === JSON.stringify(alone.map(typeOf));
    return isSame ? undefined : 'its columns would be others';
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    return `PostgreSQL refuses it there: ${error.message}`;
  }
}

function typeOf({ name, dataTypeID, dataTypeModifier }: FieldDef): unknown[] {
  return [name, dataTypeID, dataTypeModifier];
}

async function fieldsOf(client: ClientBase, statement: string): Promise<FieldDef[]> {
  const { fields } = await inUndoneSavepoint(client, () =>
    client.query({ text: `${statement} LIMIT 0`, rowMode: 'array' }),
  );
  return fields;
}
