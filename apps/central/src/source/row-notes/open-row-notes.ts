import { hasSqlState, inTransaction, lockForTransaction, ownTables, sqlState } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { INSTALLATION_LOCK } from '../change-detection/change-log/change-log-schema';
import { installRowNotes, ROW_NOTES_RIGHTS, rowNotesTexts } from './row-notes-schema';

interface NotesState {
  role: string;
  isInstalled: boolean;
  hasRights: boolean;
}

/**
 * Sees to it that changed rows can be noted. The change log must be open.
 *
 * @returns why not, and what to do about it
 */
export async function openRowNotes(client: ClientBase): Promise<string | undefined> {
  const { role, isInstalled, hasRights } = await look(client);
  if (isInstalled) {
    if (hasRights) return undefined;
    return `central may not use the notes of rows in the source; let their owner run: GRANT ${ROW_NOTES_RIGHTS} ON rivulet.changed_rows TO ${role}`;
  }
  try {
    await inTransaction(client, ownTables, async () => {
      await lockForTransaction(client, INSTALLATION_LOCK);
      await client.query(installRowNotes);
    });
    return undefined;
  } catch (error) {
    if (!hasSqlState(error, sqlState.insufficientPrivilege)) throw error;
    return `the notes of rows cannot be made in the source; let its owner run db/source/install-row-notes.sql, or GRANT CREATE ON SCHEMA rivulet TO ${role}`;
  }
}

async function look(client: ClientBase): Promise<NotesState> {
  const { rows } = await client.query<NotesState>(readState, [
    Object.keys(rowNotesTexts),
    Object.values(rowNotesTexts),
    ROW_NOTES_RIGHTS,
  ]);
  return rows[0]!;
}

const readState = `
WITH log AS (
  SELECT pg_class.oid FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE nspname = 'rivulet' AND relname = 'changed_rows'
)
SELECT quote_ident(current_user) AS role,
  EXISTS (SELECT FROM log) AND NOT EXISTS (
    SELECT FROM unnest($1::text[], $2::text[]) AS wanted (name, text)
    WHERE NOT EXISTS (
      SELECT FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
      WHERE nspname = 'rivulet' AND proname = name AND prosrc = text)) AS "isInstalled",
  EXISTS (
    SELECT FROM log WHERE NOT EXISTS (
      SELECT FROM unnest(string_to_array($3, ', ')) AS one WHERE NOT has_table_privilege(log.oid, one))) AS "hasRights"`;
