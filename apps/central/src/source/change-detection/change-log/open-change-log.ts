import { hasSqlState, inTransaction, lockForTransaction, ownTables, sqlState } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import {
  createSchema,
  functionTexts,
  INSTALLATION_LOCK,
  installChangeLog,
  logRights,
} from './change-log-schema';

/** The state of the change log in the source, and central's rights there. */
interface LogState {
  role: string;
  database: string;
  isStandby: boolean;
  isReadOnly: boolean;
  hasSchema: boolean;
  /** Whether all of it is there, as this version makes it. */
  isInstalled: boolean;
  /** The rights to the installed log that the role lacks: `SELECT, DELETE ON rivulet.changed_tables`. */
  missingRights: string[];
}

/**
 * Sees to it that the change log is there and can be used, whether central installs it or its DBA has done so.
 *
 * @returns why not, and what to do about it
 */
export async function openChangeLog(client: ClientBase): Promise<string | undefined> {
  const state = await lookAtLog(client);
  if (state.isStandby) return 'the source is a standby, which takes no triggers';
  if (state.isReadOnly) return 'the source is read-only for central (default_transaction_read_only is on)';
  if (!state.isInstalled) return install(client, state);
  if (state.missingRights.length === 0) return undefined;
  const grants = state.missingRights.map((right) => `GRANT ${right} TO ${state.role}`).join('; ');
  return `central may not use the change log in the source; let its owner run: ${grants}`;
}

async function install(client: ClientBase, state: LogState): Promise<string | undefined> {
  try {
    await inTransaction(client, ownTables, async () => {
      await lockForTransaction(client, INSTALLATION_LOCK);
      if (!state.hasSchema) await client.query(createSchema);
      await client.query(installChangeLog);
    });
    return undefined;
  } catch (error) {
    if (!hasSqlState(error, sqlState.insufficientPrivilege)) throw error;
    const what = state.hasSchema ? 'the tables of the change log' : 'the schema "rivulet"';
    const right = state.hasSchema ? 'CREATE ON SCHEMA rivulet' : `CREATE ON DATABASE ${state.database}`;
    return (
      `${what} cannot be made in the source: ${error.message}; let its owner run ` +
      `db/source/install-change-log.sql, or GRANT ${right} TO ${state.role}, or set CENTRAL_CHANGE_DETECTION=poll`
    );
  }
}

async function lookAtLog(client: ClientBase): Promise<LogState> {
  const { rows } = await client.query<LogState>(readState, [
    logRights.map(({ table }) => table),
    logRights.map(({ rights }) => rights),
    Object.keys(functionTexts),
    Object.values(functionTexts),
  ]);
  return rows[0]!;
}

/**
 * By names in the catalogues: to_regclass() fails for a role that may not use the schema. The setting is that which the
 * role has by itself, as central's own connections read only unless they say otherwise.
 */
const readState = `
WITH schema AS (
  SELECT oid FROM pg_namespace WHERE nspname = 'rivulet'
), tables AS (
  SELECT relname, pg_class.oid FROM pg_class JOIN schema ON relnamespace = schema.oid WHERE relname = ANY ($1::text[])
), missing AS (
  SELECT 'USAGE ON SCHEMA rivulet' AS missing FROM schema WHERE NOT has_schema_privilege(oid, 'USAGE')
  UNION ALL
  SELECT format('%s ON rivulet.%s', rights, relname)
  FROM tables JOIN unnest($1::text[], $2::text[]) AS needed (name, rights) ON name = relname
  WHERE EXISTS (
    SELECT FROM unnest(string_to_array(rights, ', ')) AS one WHERE NOT has_table_privilege(tables.oid, one))
)
SELECT quote_ident(current_user) AS role, quote_ident(current_database()) AS database,
  pg_is_in_recovery() AS "isStandby",
  (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only') AS "isReadOnly",
  EXISTS (SELECT FROM schema) AS "hasSchema",
  (SELECT count(*) FROM tables) = cardinality($1::text[])
    AND NOT EXISTS (
      SELECT FROM unnest($3::text[], $4::text[]) AS wanted (name, text)
      WHERE NOT EXISTS (
        SELECT FROM pg_proc JOIN schema ON pronamespace = schema.oid WHERE proname = name AND prosrc = text))
    AS "isInstalled",
  ARRAY(SELECT missing FROM missing) AS "missingRights"`;
