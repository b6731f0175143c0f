import {
  extensionOfType,
  extensionTypeText,
  isPostgresError,
  sqlState,
  type PostgresError,
} from '@rivulet/postgres';
import { escapeLiteral, type ClientBase, type FieldDef } from 'pg';
import {
  byteSortedTypes,
  carriedExtensionTypes,
  carriedTypes,
  locallySortedTypes,
  manyTextTypes,
  manyTextUnlessModified,
  unsortableTypes,
} from './carried-types';
import { QueryTextError, renderQuery, writtenOffset, type QueryTemplate } from './query-template';

/** The value of a column of the scope in PostgreSQL's text form, with its type. */
export interface ParameterValue {
  type: string;
  value: string | null;
}

export type Parameters = ReadonlyMap<string, ParameterValue>;

/** A column of a query's result. */
export interface DescribedColumn {
  name: string;
  /** The type in the query's result, as format_type() prints it. */
  sourceType: string;
  /** The type on the wire: enums become text, domains their base type. */
  type: string;
  /** The type to cast to at the source, if it differs from the source's type. */
  castTo: string | undefined;
  /** Whether values are compared by a collation. */
  collatable: boolean;
  /** Whether an index can have the column. */
  sortable: boolean;
  /** Whether a key can have it: its order is the same on every server. */
  sortedAlike: boolean;
  /** Whether only the encoding of the source database keeps it out of a key. */
  sortedByEncoding: boolean;
  /** Whether equal values can have different texts. */
  equalInManyTexts: boolean;
  /** Why the column cannot be carried exactly; undefined if it can. */
  refusal: string | undefined;
}

/** The query with its parameters in place, as typed literals. */
export function bindQuery(template: QueryTemplate, parameters: Parameters): string {
  return renderQuery(template, typedLiteral(parameters));
}

/** Types by OID and typmod. For one look at many queries: types can be altered later. */
export type KnownTypes = Map<string, DescribedType>;

/**
 * OIDs below are given by hand, to what every server comes with and nobody can alter:
 * https://www.postgresql.org/docs/current/system-catalog-initial-data.html#SYSTEM-CATALOG-OID-ASSIGNMENT
 */
const FIRST_ALTERABLE_OID = 10_000;

/** Those of them that stay as they are, in one database. */
export function unalterableTypes(known: KnownTypes): KnownTypes {
  return new Map([...known].filter(([key]) => Number.parseInt(key, 10) < FIRST_ALTERABLE_OID));
}

/**
 * Returns the columns of a query. PostgreSQL parses and plans it without reading a row.
 *
 * @param known - what the queries before this one were found to have, and then this one, too
 * @throws QueryTextError with the position that PostgreSQL reports
 */
export async function describeQuery(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
  known: KnownTypes = new Map(),
): Promise<DescribedColumn[]> {
  const fields = await resultFields(client, template, parameters);
  await learnTypes(client, fields, known);
  return fields.map((field) => {
    const row = known.get(typeKey(field))!;
    return {
      name: field.name,
      sourceType: row.sourceType,
      type: row.type,
      castTo: row.castTo ?? undefined,
      collatable: row.collatable,
      sortable: row.sortable,
      sortedAlike: row.isOrderShared && row.isEncodingKept,
      sortedByEncoding: row.isOrderShared && !row.isEncodingKept,
      equalInManyTexts: row.equalInManyTexts,
      refusal: refusalOf(row),
    };
  });
}

function typeKey({ dataTypeID, dataTypeModifier }: FieldDef): string {
  return `${dataTypeID} ${dataTypeModifier}`;
}

async function learnTypes(client: ClientBase, fields: FieldDef[], known: KnownTypes): Promise<void> {
  const missing = fields.filter((field) => !known.has(typeKey(field)));
  if (missing.length === 0) return;
  const { rows } = await client.query<DescribedType>(describeTypes, [
    missing.map((field) => field.dataTypeID),
    missing.map((field) => field.dataTypeModifier),
    [...carriedTypes, ...carriedExtensionTypes],
    unsortableTypes,
    locallySortedTypes,
    byteSortedTypes,
    manyTextTypes,
    manyTextUnlessModified,
  ]);
  for (const [index, row] of rows.entries()) known.set(typeKey(missing[index]!), row);
}

function refusalOf({ carried, type, extension }: DescribedType): string | undefined {
  if (carried) return undefined;
  const owner = extension === null ? '' : ` of the extension ${extension}`;
  return `its type ${type}${owner} cannot be carried exactly`;
}

/** Makes typed literals of the values of parameters, by name. */
export function typedLiteral(parameters: Parameters): (name: string) => string {
  return (name) => {
    const parameter = parameters.get(name);
    if (parameter === undefined) throw new Error(`no value for parameter :${name}`);
    const literal = parameter.value === null ? 'NULL' : escapeLiteral(parameter.value);
    return `(${literal}::${parameter.type})`;
  };
}

async function resultFields(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<FieldDef[]> {
  const before = 'SELECT * FROM (\n';
  const text = `${before}${bindQuery(template, parameters)}\n) AS query LIMIT 0`;
  try {
    return (await client.query({ text, rowMode: 'array' })).fields;
  } catch (error) {
    if (!isPostgresError(error)) throw error;
    throw explain(error, text, before.length, template, parameters);
  }
}

/** Translates PostgreSQL's error position to an offset in the written query. */
function explain(
  error: PostgresError,
  text: string,
  queryStart: number,
  template: QueryTemplate,
  parameters: Parameters,
): QueryTextError {
  // PostgreSQL counts code points from 1.
  const reported = Array.from(text)
    .slice(0, Number(error.position ?? 1) - 1)
    .join('').length;
  const rendered = bindQuery(template, parameters);
  const offset = Math.max(0, reported - queryStart);
  // An extra closing parenthesis ends the subquery: the error is in the text after it or, before 16, a missing alias.
  const isBefore = error.position !== undefined && reported < queryStart;
  const isBehind = error.code === sqlState.syntaxError && (isBefore || offset >= rendered.length);
  const hint = error.hint === undefined ? '' : `. ${error.hint.replace(/\.$/, '')}`;
  const message = isBehind
    ? 'syntax error at the end of the query; it is incomplete, or has a closing parenthesis too many'
    : error.message + hint;
  const place = isBehind ? rendered.trimEnd().length : offset;
  const written = writtenOffset(template, typedLiteral(parameters), place);
  return new QueryTextError(message, written, { cause: error });
}

interface DescribedType {
  sourceType: string;
  type: string;
  castTo: string | null;
  extension: string | null;
  collatable: boolean;
  sortable: boolean;
  isOrderShared: boolean;
  isEncodingKept: boolean;
  equalInManyTexts: boolean;
  carried: boolean;
}

/**
 * Returns one row for each pair of type OID and typmod, in order. A domain becomes its base type with that type's typmod,
 * an enum becomes text, also as elements of arrays. Reads pg_type and pg_depend by their keys. The edge sorts text by its
 * bytes in UTF-8; most other database encodings sort differently.
 */
const describeTypes = `
WITH RECURSIVE asked AS (
  SELECT position, oid, typmod
  FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY AS field (oid, typmod, position)
),
-- a domain, possibly over a domain
based AS (
  SELECT position, oid, typmod, 0 AS depth FROM asked
  UNION ALL
  SELECT based.position, type.typbasetype, type.typtypmod, based.depth + 1
  FROM based JOIN pg_type type ON type.oid = based.oid
  WHERE type.typtype = 'd'
),
outer_type AS (
  SELECT DISTINCT ON (position) position, oid, typmod FROM based ORDER BY position, depth DESC
),
elements AS (
  SELECT o.position, o.typmod, type.typcategory = 'A' AND type.typelem <> 0 AS is_array,
         CASE WHEN type.typcategory = 'A' AND type.typelem <> 0 THEN type.typelem ELSE o.oid END AS oid
  FROM outer_type o JOIN pg_type type ON type.oid = o.oid
),
element_bases AS (
  SELECT position, is_array, oid, typmod, 0 AS depth FROM elements
  UNION ALL
  SELECT b.position, b.is_array, type.typbasetype, type.typtypmod, b.depth + 1
  FROM element_bases b JOIN pg_type type ON type.oid = b.oid
  WHERE type.typtype = 'd'
),
element_type AS (
  SELECT DISTINCT ON (position) position, is_array, oid, typmod
  FROM element_bases ORDER BY position, depth DESC
),
owned AS (
  SELECT e.position, e.is_array, e.typmod, ${extensionOfType('type.oid')} AS extension,
         CASE WHEN type.typtype = 'e' THEN 'text'::regtype::oid ELSE type.oid END AS oid
  FROM element_type e JOIN pg_type type ON type.oid = e.oid
),
-- names as in carried-types.ts; NULL for a type of neither PostgreSQL nor an extension
named AS (
  SELECT owned.*,
         CASE WHEN type.oid = 'text'::regtype THEN 'text'
              WHEN extension IS NOT NULL THEN extension || '.' || typname
              WHEN typnamespace = 'pg_catalog'::regnamespace THEN typname::text
         END AS name
  FROM owned JOIN pg_type type USING (oid)
),
carried AS (
  SELECT named.*, coalesce(name = ANY ($3::text[]), false) AS carried, CASE WHEN is_array THEN '[]' ELSE '' END AS suffix
  FROM named
)
SELECT format_type(asked.oid, asked.typmod) AS "sourceType",
       CASE WHEN extension IS NULL OR name = 'text' OR NOT carried THEN format_type(carried.oid, carried.typmod)
            ELSE ${extensionTypeText('extension', 'type', 'carried.typmod')} END || suffix AS type,
       carried.carried,
       extension,
       type.typcollation <> 0 AS collatable,
       coalesce(name <> ALL ($4::text[]), true) AS sortable,
       coalesce(name <> ALL ($4::text[] || $5::text[]), true) AS "isOrderShared",
       (type.typcollation = 0 AND coalesce(name <> ALL ($6::text[]), true))
         OR current_setting('server_encoding') IN ('UTF8', 'LATIN1', 'SQL_ASCII') AS "isEncodingKept",
       coalesce(name = ANY ($7::text[]) OR carried.typmod = -1 AND name = ANY ($8::text[]), false) AS "equalInManyTexts",
       CASE WHEN asked.oid <> CASE WHEN is_array THEN type.typarray ELSE carried.oid END
            THEN format_type(carried.oid, carried.typmod) || suffix END AS "castTo"
FROM carried JOIN asked USING (position) JOIN pg_type type ON type.oid = carried.oid
ORDER BY position`;
