import type { ClientBase } from 'pg';
import { nearestName } from '../file/file-problems';

/** What PostgreSQL does not say itself of its refusal: ` …` to be put behind its words, or nothing. */
export async function cureFor(client: ClientBase, refusal: string): Promise<string> {
  const relation = /^relation "(.+)" does not exist/.exec(refusal)?.[1];
  if (relation !== undefined) return suggestRelation(client, relation);
  const forbidden = /^permission denied for (table|view|materialized view|schema) (.+)$/.exec(refusal);
  if (forbidden !== null) {
    const [, kind, name] = forbidden;
    const { rows } = await client.query<{ role: string }>('SELECT quote_ident(current_user) AS role');
    const right = kind === 'schema' ? `USAGE ON SCHEMA ${name}` : `SELECT ON ${name}`;
    return `; let its owner run: GRANT ${right} TO ${rows[0]!.role}`;
  }
  if (/^operator does not exist: .+ = .+\[\]/.test(refusal)) {
    return '. A column is compared with all values of an array by = ANY (:name)';
  }
  return '';
}

/** A table of the same name in a schema that is not on the search path, or one of a name like it. */
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
  return meant === undefined
    ? '; name it as PostgreSQL knows it, with its schema'
    : `. Did you mean ${meant}?`;
}

interface RelationRow {
  name: string;
  qualified: string;
  isVisible: boolean;
}

/** Tables, partitioned and foreign ones, views and materialized views that are not PostgreSQL's own. */
const relationNames = `
SELECT relname AS name, nspname || '.' || relname AS qualified, pg_table_is_visible(class.oid) AS "isVisible"
FROM pg_class class JOIN pg_namespace namespace ON namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
ORDER BY relname, nspname
LIMIT 20000`;
