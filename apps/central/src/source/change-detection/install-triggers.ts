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
  role: string;
}

/**
 * Gives each of the tables its trigger, which fires whoever writes.
 *
 * @returns the tables that have none, by their OIDs
 */
export async function installTriggers(
  client: ClientBase,
  relations: string[],
): Promise<Map<string, TableWithoutTrigger>> {
  const missing = new Map<string, TableWithoutTrigger>();
  for (const { oid, name, mayTrigger, role } of await findUntriggered(client, relations)) {
    // Not tried: CREATE TRIGGER locks the table before it looks at rights.
    if (!mayTrigger) {
      missing.set(oid, { name, role });
      continue;
    }
    try {
      await inTransaction(client, LIMITS, () => install(client, oid));
    } catch (error) {
      if (!isPostgresError(error)) throw error;
      missing.set(oid, { name, role, failure: error.message });
    }
  }
  return missing;
}

async function install(client: ClientBase, oid: string): Promise<void> {
  await lockForTransaction(client, INSTALLATION_LOCK);
  // Another central may have been faster.
  const [table] = await findUntriggered(client, [oid]);
  if (table === undefined) return;
  const { name } = table;
  // One that was switched off has missed changes; that it was written anew is seen by its xmin.
  await client.query(createTrigger(name));
  // That takes the owner's right, without which the rest is still worth having.
  try {
    await inSavepoint(client, () => client.query(enableAlways(name)));
  } catch (error) {
    if (!hasSqlState(error, sqlState.insufficientPrivilege)) throw error;
  }
}

/** Of the tables whose trigger does not fire for writers that pose as a replica: statements for their owners. */
export async function findNotAlways(client: ClientBase, relations: string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', nspname, relname) AS name
     FROM pg_trigger JOIN pg_class class ON class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE tgrelid = ANY ($1::oid[]) AND tgname = $2 AND tgenabled = 'O'
     ORDER BY name`,
    [relations, TRIGGER_NAME],
  );
  return rows.map(({ name }) => enableAlways(name));
}

/** Tables without the trigger, or with one that is switched off, or that the owner may have fire always. */
async function findUntriggered(client: ClientBase, relations: string[]): Promise<Untriggered[]> {
  const { rows } = await client.query<Untriggered>(
    `SELECT class.oid::text AS oid, format('%I.%I', nspname, relname) AS name,
       has_table_privilege(class.oid, 'TRIGGER') AS "mayTrigger", quote_ident(current_user) AS role
     FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     LEFT JOIN pg_trigger ON tgrelid = class.oid AND tgname = $2
     WHERE class.oid = ANY ($1::oid[]) AND (tgname IS NULL OR tgfoid <> to_regprocedure('rivulet.note_change()') OR tgenabled IN ('D', 'R')
       OR (tgenabled = 'O' AND pg_has_role(relowner, 'USAGE')))
     ORDER BY class.oid`,
    [relations, TRIGGER_NAME],
  );
  return rows;
}
