import type { ClientBase } from 'pg';

/** A function, as the catalogue has it. */
export interface FunctionFacts {
  oid: string;
  name: string;
  schema: string;
  language: string;
  /** IMMUTABLE, STABLE or VOLATILE. */
  volatility: 'i' | 's' | 'v';
  isSecurityDefiner: boolean;
  hasSettings: boolean;
  isOfExtension: boolean;
  /** The body, or the name in C. */
  source: string;
  /** Node trees: the body that was parsed when the function was made, and the defaults of its arguments. */
  trees: string[];
  arguments: string;
  result: string;
  /** OIDs of the types of its arguments and of its result. */
  types: string[];
  /** An aggregate's functions, and the text that it begins with. */
  parts: string[];
  initialTexts: string[];
}

export interface TypeFacts {
  oid: string;
  name: string;
  /** base, composite, domain, enum, pseudo, range, multirange */
  kind: 'b' | 'c' | 'd' | 'e' | 'p' | 'r' | 'm';
  isCatalogue: boolean;
  isOfExtension: boolean;
  /** Whether its text means the same at any time, whatever the settings are. */
  isInputImmutable: boolean;
  isOutputImmutable: boolean;
  /** The types of elements and attributes, and the type beneath a domain or range. */
  parts: string[];
  /** Node trees of a domain's constraints. */
  trees: string[];
}

/** A relation that a query names, or the family of one. */
export interface RelationFacts {
  oid: string;
  kind: string;
  /** Why it can take no trigger, or a trigger would not see all of its changes. */
  obstacle: string | null;
  /** The node tree of a view's query. */
  rule: string | null;
  /** Node trees of row security policies, and of columns that are computed when they are read. */
  trees: string[];
  types: string[];
  /** Partitions, children and parents, which are watched with it: a statement fires the triggers of the table that it names. */
  family: string[];
}

export interface OperatorFacts {
  oid: string;
  name: string;
  function: string;
}

export function readFunctions(client: ClientBase, oids: string[]): Promise<FunctionFacts[]> {
  return read(client, 'functions', functionsQuery, oids);
}

export function readTypes(client: ClientBase, oids: string[]): Promise<TypeFacts[]> {
  return read(client, 'types', typesQuery, oids);
}

export function readRelations(client: ClientBase, oids: string[]): Promise<RelationFacts[]> {
  return read(client, 'relations', relationsQuery, oids);
}

export function readOperators(client: ClientBase, oids: string[]): Promise<OperatorFacts[]> {
  return read(client, 'operators', operatorsQuery, oids);
}

/** Prepared, as a walk asks these a thousand times. */
async function read<Row extends object>(
  client: ClientBase,
  what: string,
  text: string,
  oids: string[],
): Promise<Row[]> {
  if (oids.length === 0) return [];
  const { rows } = await client.query<Row>({ name: `rivulet read ${what}`, text, values: [oids] });
  return rows;
}

/** Whether an object belongs to an extension, by the index of pg_depend on (classid, objid). */
function isOfExtension(catalogue: string, oid: string): string {
  return `EXISTS (SELECT FROM pg_depend WHERE classid = '${catalogue}'::regclass AND objid = ${oid} AND deptype = 'e')`;
}

const functionsQuery = `
SELECT proc.oid::text AS oid, proname AS name, nspname AS schema, lanname AS language, provolatile AS volatility,
  prosecdef AS "isSecurityDefiner", proconfig IS NOT NULL AS "hasSettings",
  ${isOfExtension('pg_proc', 'proc.oid')} AS "isOfExtension",
  prosrc AS source, array_remove(ARRAY[prosqlbody::text, proargdefaults::text], NULL) AS trees,
  pg_get_function_identity_arguments(proc.oid) AS arguments, coalesce(pg_get_function_result(proc.oid), 'void') AS result,
  ARRAY(SELECT DISTINCT type::text FROM unnest(coalesce(proallargtypes, proargtypes::oid[] || prorettype)) AS type) AS types,
  ARRAY(
    SELECT part::oid::text FROM pg_aggregate, unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn,
      aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]) AS part
    WHERE aggfnoid = proc.oid AND part <> 0) AS parts,
  ARRAY(SELECT text FROM pg_aggregate, unnest(ARRAY[agginitval, aggminitval]) AS text
    WHERE aggfnoid = proc.oid AND text IS NOT NULL) AS "initialTexts"
FROM pg_proc proc JOIN pg_namespace ON pg_namespace.oid = pronamespace JOIN pg_language language ON language.oid = prolang
WHERE proc.oid = ANY ($1::oid[])`;

const typesQuery = `
SELECT type.oid::text AS oid, format_type(type.oid, NULL) AS name, typtype AS kind,
  typnamespace = 'pg_catalog'::regnamespace AS "isCatalogue",
  ${isOfExtension('pg_type', 'type.oid')} AS "isOfExtension",
  coalesce((SELECT provolatile = 'i' FROM pg_proc WHERE oid = typinput), false) AS "isInputImmutable",
  coalesce((SELECT provolatile = 'i' FROM pg_proc WHERE oid = typoutput), false) AS "isOutputImmutable",
  ARRAY(
    SELECT part::text FROM (
      SELECT typelem AS part WHERE typcategory = 'A' AND typelem <> 0
      UNION ALL SELECT typbasetype WHERE typbasetype <> 0
      UNION ALL SELECT rngsubtype FROM pg_range
        WHERE rngtypid = type.oid OR (to_jsonb(pg_range) ->> 'rngmultitypid')::oid = type.oid
      UNION ALL SELECT atttypid FROM pg_attribute
        WHERE typtype = 'c' AND attrelid = typrelid AND attnum > 0 AND NOT attisdropped
    ) AS parts) AS parts,
  ARRAY(SELECT conbin::text FROM pg_constraint WHERE contypid = type.oid AND conbin IS NOT NULL) AS trees
FROM pg_type type WHERE type.oid = ANY ($1::oid[])`;

const operatorsQuery = `
SELECT oid::text AS oid, oprname AS name, oprcode::oid::text AS function FROM pg_operator WHERE oid = ANY ($1::oid[])`;

/** attgenerated is v from version 18 on. All trees of a table count, whether or not the query reads the column. */
const relationsQuery = `
WITH RECURSIVE below AS (
  SELECT oid AS root, oid FROM unnest($1::oid[]) AS oid
  UNION SELECT root, inhrelid FROM pg_inherits JOIN below ON inhparent = oid
), family AS (
  SELECT root, oid FROM below UNION SELECT root, inhparent FROM pg_inherits JOIN family ON inhrelid = oid
)
SELECT class.oid::text AS oid, relkind AS kind,
  CASE
    WHEN nspname IN ('pg_catalog', 'information_schema') THEN 'the catalogue ' || class.oid::regclass
    WHEN relkind = 'm' THEN 'the materialized view ' || class.oid::regclass
    WHEN relkind = 'f' THEN 'the foreign table ' || class.oid::regclass
    WHEN relkind = 'S' THEN 'the sequence ' || class.oid::regclass
    WHEN relkind NOT IN ('r', 'p', 'v') THEN class.oid::regclass || ', which is no table'
    WHEN relkind = 'v' THEN NULL
    WHEN relpersistence = 'u' THEN 'the unlogged table ' || class.oid::regclass || ', which a crash empties'
    WHEN relpersistence = 't' THEN 'the temporary table ' || class.oid::regclass
    WHEN nspname = 'rivulet' AND relname IN ('changed_tables', 'changed_values', 'changed_rows', 'table_versions', 'value_versions', 'folds', 'changed_keys')
      THEN class.oid::regclass || ', where central keeps its own record of changes'
    WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = class.oid)
      THEN class.oid::regclass || ', which logical replication fills'
  END AS obstacle,
  (SELECT ev_action::text FROM pg_rewrite WHERE ev_class = class.oid AND ev_type = '1' AND relkind = 'v') AS rule,
  ARRAY(
    SELECT tree FROM (
      SELECT polqual::text AS tree FROM pg_policy WHERE polrelid = class.oid AND polcmd IN ('r', '*') AND polqual IS NOT NULL
      UNION ALL SELECT adbin::text FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
        WHERE adrelid = class.oid AND attgenerated = 'v'
    ) AS trees) AS trees,
  ARRAY(SELECT DISTINCT atttypid::text FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped AND relkind = 'v') AS types,
  ARRAY(SELECT family.oid::text FROM family WHERE root = class.oid AND family.oid <> class.oid) AS family
FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE class.oid = ANY ($1::oid[])`;
