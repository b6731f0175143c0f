import {
  hasSqlState,
  inSavepoint,
  inTransaction,
  isPostgresError,
  lockForTransaction,
  ownTables,
  sqlState,
} from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { createTrigger, enableAlways, INSTALLATION_LOCK, TRIGGER_NAME } from './change-log-schema';
import type { TableWithoutTrigger } from './tables-without-trigger';

/** CREATE TRIGGER waits for the writers of a table, and new ones wait behind it meanwhile. */
const LIMITS = { ...ownTables, lockTimeoutMs: 2_000 };

interface Untriggered {
  oid: string;
  name: string;
  mayTrigger: boolean;
  /** Whether it has the trigger, and only its owner can have it fire always. */
  isNotAlways: boolean;
  role: string;
}

/**
 * Gives each of the tables its trigger, which fires whoever writes.
 *
 * @returns the tables whose changes are not all noted, by their OIDs
 */
export async function installTriggers(
  client: ClientBase,
  relations: string[],
): Promise<Map<string, TableWithoutTrigger>> {
  const missing = new Map<string, TableWithoutTrigger>();
  for (const table of await findUntriggered(client, relations)) {
    const left = await tryInstall(client, table);
    if (left !== undefined) missing.set(table.oid, left);
  }
  return missing;
}

/** Not tried without the right: CREATE TRIGGER locks the table before it looks at rights. */
async function tryInstall(
  client: ClientBase,
  { oid, name, role, mayTrigger, isNotAlways }: Untriggered,
): Promise<TableWithoutTrigger | undefined> {
  if (isNotAlways) return { oid, name, role, problem: 'not-always' };
  if (!mayTrigger) return { oid, name, role, problem: 'forbidden' };
  try {
    const isAlways = await inTransaction(client, LIMITS, () => install(client, oid));
    return isAlways ? undefined : { oid, name, role, problem: 'not-always' };
  } catch (error) {
    if (!isPostgresError(error)) throw error;
    return { oid, name, role, problem: 'failed', failure: error.message };
  }
}

/** @returns whether it fires always */
async function install(client: ClientBase, oid: string): Promise<boolean> {
  await lockForTransaction(client, INSTALLATION_LOCK);
  // Another central may have been faster.
  const [table] = await findUntriggered(client, [oid]);
  if (table === undefined) return true;
  // One that was switched off has missed changes; that it was written again is seen by its xmin.
  await client.query(createTrigger(table.name));
  try {
    await inSavepoint(client, () => client.query(enableAlways(table.name)));
    return true;
  } catch (error) {
    if (!hasSqlState(error, sqlState.insufficientPrivilege)) throw error;
    return false;
  }
}

/** Tables without the trigger, or with one that is switched off, or does not fire always. */
async function findUntriggered(client: ClientBase, relations: string[]): Promise<Untriggered[]> {
  const { rows } = await client.query<Untriggered>(
    `SELECT class.oid::text AS oid, format('%I.%I', nspname, relname) AS name,
       has_table_privilege(class.oid, 'TRIGGER') AS "mayTrigger", quote_ident(current_user) AS role,
       coalesce(tgfoid = to_regprocedure('rivulet.note_change()') AND tgenabled = 'O', false)
         AND NOT pg_has_role(relowner, 'USAGE') AS "isNotAlways"
     FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     LEFT JOIN pg_trigger ON tgrelid = class.oid AND tgname = $2
     WHERE class.oid = ANY ($1::oid[])
       AND (tgname IS NULL OR tgfoid <> to_regprocedure('rivulet.note_change()') OR tgenabled <> 'A')
     ORDER BY class.oid`,
    [relations, TRIGGER_NAME],
  );
  return rows;
}
