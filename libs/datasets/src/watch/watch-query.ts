import { renderQuery, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { DependencyWalk } from './dependency-walk';
import { parseQuery } from './query-tree';
import type { DefinitionKeys } from './read-definitions';

/** What the result of a query depends on. */
export interface Watch {
  /** OIDs of the tables, as text and in ascending order. */
  relations: string[];
  /** The definitions that decide what it reads of them; see readDefinitions(). */
  definitions: DefinitionKeys;
  /** Why it is not proved that the result stays as it is while neither is changed. */
  polled: string | undefined;
}

/** The walk reads node trees as these versions write them. */
const NEWEST_KNOWN_VERSION = 18;

/**
 * Has PostgreSQL parse a query and follows everything in it to its end: views, policies, functions with their bodies,
 * operators, types. What is not proved to be watched is polled.
 *
 * To be called in a transaction that may write, with nothing of which anything stays.
 *
 * @param walk - of one look at many queries
 * @throws what PostgreSQL refuses the query with
 */
export async function watchQuery(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
  walk = new DependencyWalk(client),
): Promise<Watch> {
  const unknown = await whyUnknown(client);
  if (unknown !== undefined) return { relations: [], definitions: new Map(), polled: unknown };
  const tree = await parseQuery(client, template, parameters);
  const text = renderQuery(template, () => 'NULL');
  const { tables, definitions, unproven } = await walk.follow(tree, text);
  return { relations: tables, definitions, polled: unproven };
}

interface Session {
  version: number;
  mayParse: boolean;
  isStandby: boolean;
  database: string;
  role: string;
}

async function whyUnknown(client: ClientBase): Promise<string | undefined> {
  const { rows } = await client.query<Session>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version, pg_is_in_recovery() AS "isStandby",
       has_database_privilege(current_database(), 'TEMPORARY') AS "mayParse",
       quote_ident(current_database()) AS database, quote_ident(current_user) AS role`,
  );
  const { version, mayParse, isStandby, database, role } = rows[0]!;
  if (version > NEWEST_KNOWN_VERSION) return `PostgreSQL ${version} is newer than this version of Rivulet`;
  if (isStandby) return 'the source is a standby, where nothing can be parsed ahead';
  if (mayParse) return undefined;
  return (
    'central may not create temporary objects, with which it finds out what a query depends on; let the owner run: ' +
    `GRANT TEMPORARY ON DATABASE ${database} TO ${role}`
  );
}
