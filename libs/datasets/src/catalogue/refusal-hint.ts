import type { ClientBase } from 'pg';
import { nearestName } from '../file/file-problems';

/** A hint to append to PostgreSQL's error message, or an empty string. */
export async function hintFor(client: ClientBase, refusal: string): Promise<string> {
  const relation = /^relation "(.+)" does not exist/.exec(refusal)?.[1];
  if (relation !== undefined) return suggestRelation(client, relation);
  const forbidden =
    /^permission denied for (table|view|materialized view|foreign table|sequence|schema|function|type) (.+)$/.exec(
      refusal,
    );
  if (forbidden !== null) return grantFor(client, forbidden[1]!, forbidden[2]!);
  if (/^operator does not exist: .+ = .+\[\]/.test(refusal)) {
    return '. To compare a column with the values of an array, use = ANY (:name)';
  }
  return '';
}

/** The statement with which an owner lets this role do what PostgreSQL refuses; it names things without their schema. */
async function grantFor(client: ClientBase, kind: string, name: string): Promise<string> {
  const { rows } = await client.query<{ grant: string }>(grants[kind] ?? grants['table']!, [name]);
  return rows.length === 0 ? '' : `; its owner can run: ${rows.map(({ grant }) => grant).join('; ')}`;
}

const MAX_GRANTS = 3;

/** Where several objects have the name, only those count that this role may not use. */
const grants: Record<string, string> = {
  table: `
    SELECT format('GRANT SELECT ON %s%I.%I TO %I', CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END, nspname, relname, current_user) AS grant
    FROM pg_class JOIN pg_namespace namespace ON namespace.oid = relnamespace
    WHERE relname = $1 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT has_table_privilege(pg_class.oid, 'SELECT')
    ORDER BY NOT pg_table_is_visible(pg_class.oid), nspname LIMIT ${MAX_GRANTS}`,
  schema: `SELECT format('GRANT USAGE ON SCHEMA %I TO %I', $1::text, current_user) AS grant`,
  function: `
    SELECT format('GRANT EXECUTE ON FUNCTION %I.%I(%s) TO %I', nspname, proname,
      pg_get_function_identity_arguments(pg_proc.oid), current_user) AS grant
    FROM pg_proc JOIN pg_namespace namespace ON namespace.oid = pronamespace
    WHERE proname = $1 AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE') ORDER BY nspname LIMIT ${MAX_GRANTS}`,
  type: `
    SELECT format('GRANT USAGE ON TYPE %I.%I TO %I', nspname, typname, current_user) AS grant
    FROM pg_type JOIN pg_namespace namespace ON namespace.oid = typnamespace
    WHERE typname = $1 AND NOT has_type_privilege(pg_type.oid, 'USAGE') ORDER BY nspname LIMIT ${MAX_GRANTS}`,
};

/** Suggests a table of the same name in a schema that is not on the search path, or one with a similar name. */
async function suggestRelation(client: ClientBase, relation: string): Promise<string> {
  const { rows } = await client.query<RelationRow>(relationNames);
  const plain = relation.split('.').at(-1)!;
  const elsewhere = rows.find(
    ({ name, qualified, isVisible }) => name === plain && !isVisible && qualified !== relation,
  );
  if (elsewhere !== undefined) return `. Did you mean ${elsewhere.qualified}?`;
  const candidates = rows.map(({ name, qualified, isVisible }) =>
    isVisible && !relation.includes('.') ? name : qualified,
  );
  const meant = nearestName(relation, candidates);
  return meant === undefined ? '; write the name with its schema' : `. Did you mean ${meant}?`;
}

interface RelationRow {
  name: string;
  qualified: string;
  isVisible: boolean;
}

/** Tables, partitioned and foreign tables, views and materialized views of users. */
const relationNames = `
SELECT relname AS name, nspname || '.' || relname AS qualified, pg_table_is_visible(class.oid) AS "isVisible"
FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
ORDER BY relname, nspname
LIMIT 20000`;
