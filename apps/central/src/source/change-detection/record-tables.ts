import { lockForTransaction } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { VERSIONS_LOCK } from './change-log';

/** Gives a version to tables that have none, and a new one to those that are defined in another way than before. */
export async function recordTables(
  client: ClientBase,
  tables: { oid: string; hash: string }[],
): Promise<void> {
  if (tables.length === 0) return;
  await lockForTransaction(client, VERSIONS_LOCK);
  await client.query(
    `INSERT INTO rivulet.table_versions AS known (relation, definition)
     SELECT relation::oid, definition FROM unnest($1::text[], $2::text[]) AS defined (relation, definition)
     ON CONFLICT (relation) DO UPDATE SET version = gen_random_uuid(), definition = excluded.definition
     WHERE known.definition <> excluded.definition`,
    [tables.map(({ oid }) => oid), tables.map(({ hash }) => hash)],
  );
}

/** With their schemas, sorted. */
export async function readTableNames(client: ClientBase, oids: string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%s.%I', relnamespace::regnamespace, relname) AS name FROM pg_class WHERE oid = ANY ($1::oid[])
     ORDER BY name`,
    [oids],
  );
  return rows.map(({ name }) => name);
}
