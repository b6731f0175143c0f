import { inUndoneSavepoint } from '@rivulet/postgres';
import { renderQuery, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';

/**
 * Has PostgreSQL parse a query, without planning or running it, and returns the node tree: names are resolved, views are
 * not opened, parameters are parameters. PostgreSQL keeps the tree of a function whose body is standard SQL, so this
 * makes such a function in the session's temporary schema, reads the tree and undoes it.
 *
 * The caller has opened a transaction that may write. Locks that parsing takes are let go.
 */
export async function parseQuery(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<string> {
  const names = [...new Set(template.parameters)];
  const query = renderQuery(template, (name) => `($${names.indexOf(name) + 1})`);
  const types = names.map((name) => parameters.get(name)!.type).join(', ');
  return parseBody(client, types, 'SETOF record', `SELECT * FROM (\n${query}\n) AS query`);
}

/** The same for the text of a function in SQL, with its arguments and result as PostgreSQL prints them. */
export async function parseBody(
  client: ClientBase,
  signature: string,
  result: string,
  body: string,
): Promise<string> {
  return inUndoneSavepoint(client, async () => {
    await client.query(
      `CREATE FUNCTION pg_temp.rivulet_parsed(${signature}) RETURNS ${result} LANGUAGE sql BEGIN ATOMIC ${body}\n; END`,
    );
    const { rows } = await client.query<{ tree: string }>(
      `SELECT prosqlbody::text AS tree FROM pg_proc
       WHERE proname = 'rivulet_parsed' AND pronamespace = pg_my_temp_schema()`,
    );
    return rows[0]!.tree;
  });
}
