import type { ClientBase } from 'pg';
import { nearestName } from '../file/file-problems';

/** A hint to append to PostgreSQL's error message, or an empty string. */
export async function hintFor(client: ClientBase, refusal: string): Promise<string> {
  const relation = /^relation "(.+)" does not exist/.exec(refusal)?.[1];
  if (relation !== undefined) return suggestRelation(client, relation);
  const forbidden = /^permission denied for (table|view|materialized view|schema) (.+)$/.exec(refusal);
  if (forbidden !== null) {
    const [, kind, name] = forbidden;
    const { rows } = await client.query<{ role: string }>('SELECT quote_ident(current_user) AS role');
    const right = kind === 'schema' ? `USAGE ON SCHEMA ${name}` : `SELECT ON ${name}`;
    return `; its owner can run: GRANT ${right} TO ${rows[0]!.role}`;
  }
  if (/^operator does not exist: .+ = .+\[\]/.test(refusal)) {
    return '. To compare a column with the values of an array, use = ANY (:name)';
  }
  return '';
}

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
