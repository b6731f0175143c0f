import type { ClientBase } from 'pg';

/** The walk reads node trees as these versions write them. */
const NEWEST_KNOWN_VERSION = 18;

interface Session {
  version: number;
  mayParse: boolean;
  isStandby: boolean;
  database: string;
  role: string;
}

/** Why central cannot find out here what a query depends on. */
export async function whyBlind(client: ClientBase): Promise<string | undefined> {
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
