import { lockForTransaction } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { VERSIONS_LOCK } from './change-log';
import { nextFold } from './change-log-queries';

/** Gives versions to tables that have none, and new ones to those that are defined in another way than before. */
export async function recordTables(
  client: ClientBase,
  tables: { oid: string; hash: string }[],
): Promise<void> {
  if (tables.length === 0) return;
  await lockForTransaction(client, VERSIONS_LOCK);
  await client.query(record, [tables.map(({ oid }) => oid), tables.map(({ hash }) => hash)]);
  await client.query(
    'DELETE FROM rivulet.value_versions WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation)',
  );
}

/** The version of a whole table is that of the value 0. Without one, no version of a value of it says anything. */
const record = `
WITH defined AS (
  SELECT relation::oid, definition FROM unnest($1::text[], $2::text[]) AS defined (relation, definition)
), given AS (
  INSERT INTO rivulet.table_versions AS known (relation, definition) SELECT relation, definition FROM defined
  ON CONFLICT (relation) DO UPDATE SET version = gen_random_uuid(), definition = excluded.definition
  WHERE known.definition <> excluded.definition
  RETURNING relation
), changed AS (
  SELECT relation FROM given
  UNION SELECT relation FROM defined
    WHERE NOT EXISTS (SELECT FROM rivulet.value_versions known WHERE known.relation = defined.relation AND value = 0)
), next AS (
  INSERT INTO rivulet.folds (fold, version, keys)
  SELECT fold, version, 0 FROM (${nextFold}) AS next WHERE EXISTS (SELECT FROM changed)
  RETURNING fold, version
)
INSERT INTO rivulet.value_versions (relation, value, fold, version, whole_fold)
SELECT relation, 0, fold, version, fold FROM changed, next
ON CONFLICT (relation, value) DO UPDATE
SET fold = excluded.fold, version = excluded.version, whole_fold = excluded.whole_fold`;

/** With their schemas, sorted. */
export async function readTableNames(client: ClientBase, oids: string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%s.%I', relnamespace::regnamespace, relname) AS name FROM pg_class WHERE oid = ANY ($1::oid[])
     ORDER BY name`,
    [oids],
  );
  return rows.map(({ name }) => name);
}
