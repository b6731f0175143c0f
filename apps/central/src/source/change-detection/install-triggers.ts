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
import { createTrigger, enableAlways, INSTALLATION_LOCK } from './change-log/change-log-schema';
import { readTriggers, type TableTriggers } from './read-triggers';
import type { TableWithoutTrigger } from './tables-without-trigger';

/** CREATE TRIGGER waits for the writers of a table, and new ones wait behind it meanwhile. */
const LIMITS = { ...ownTables, lockTimeoutMs: 2_000 };

/** The attributes by whose values changes are to be noted, by the table's OID; none: each change is noted. */
export type WantedColumns = ReadonlyMap<string, readonly number[]>;

/** How the changes of the tables are noted. */
export interface InstalledTriggers {
  /** The tables whose changes are not all noted. */
  missing: Map<string, TableWithoutTrigger>;
  /** The attributes by whose values those of a table are noted. */
  columns: Map<string, readonly number[]>;
  /** Why they are not noted by the values that are wanted. */
  notByValue: Map<string, string>;
}

/** Gives each of the tables its triggers, which fire whoever writes. */
export async function installTriggers(
  client: ClientBase,
  relations: string[],
  wanted: WantedColumns,
): Promise<InstalledTriggers> {
  const installed: InstalledTriggers = { missing: new Map(), columns: new Map(), notByValue: new Map() };
  for (const table of await readTriggers(client, relations)) {
    const attributes = wanted.get(table.oid) ?? [];
    const failure = await tryToNoteValues(client, table, attributes);
    const now = failure === undefined && !hasAll(table, attributes) ? await again(client, table) : table;
    if (now.columns.length > 0) installed.columns.set(table.oid, now.columns);
    if (failure !== undefined) installed.notByValue.set(table.oid, failure);
    const left = now.isNoted ? undefined : await tryInstall(client, now);
    if (left !== undefined) installed.missing.set(table.oid, left);
  }
  return installed;
}

async function again(client: ClientBase, table: TableTriggers): Promise<TableTriggers> {
  const [now] = await readTriggers(client, [table.oid]);
  return now ?? table;
}

function hasAll({ columns }: TableTriggers, attributes: readonly number[]): boolean {
  return attributes.every((attribute) => columns.includes(attribute));
}

/** @returns why it is not possible, and what to do about it */
async function tryToNoteValues(
  client: ClientBase,
  table: TableTriggers,
  attributes: readonly number[],
): Promise<string | undefined> {
  if (hasAll(table, attributes)) return undefined;
  const { oid, name, mayNoteValues } = table;
  const cure = `SELECT rivulet.note_values('${name.replaceAll("'", "''")}', '{${attributes.join(',')}}')`;
  if (!mayNoteValues) {
    return `central may not make the triggers for it; let the owner of the table and of the change log run: ${cure}`;
  }
  try {
    await inTransaction(client, LIMITS, async () => {
      await lockForTransaction(client, INSTALLATION_LOCK);
      await client.query('SELECT rivulet.note_values($1::oid, $2)', [oid, attributes]);
    });
    return undefined;
  } catch (error) {
    if (!isPostgresError(error)) throw error;
    return `the table cannot be given the triggers for it: ${error.message}`;
  }
}

/** Not tried without the right: CREATE TRIGGER locks the table before it looks at rights. */
async function tryInstall(
  client: ClientBase,
  { oid, name, role, mayTrigger, isNotAlways }: TableTriggers,
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
  const [table] = await readTriggers(client, [oid]);
  if (table === undefined || table.isNoted) return true;
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
