import { lockForTransaction } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { VERSIONS_LOCK } from './change-log';
import { TRIGGER_NAME } from './change-log-schema';

/** How a watched table is defined. */
interface DefinedTable {
  oid: string;
  name: string;
  hash: string;
}

/** How the watched tables are defined. */
export interface Definitions {
  /** By their names. */
  tables: DefinedTable[];
  /** Of all of them, and of everything else that decides what a query reads. */
  hash: string;
}

/** Reads catalogues and waits for no lock: not for those that ALTER TABLE holds on the tables either. */
export async function readDefinitions(client: ClientBase, relations: string[]): Promise<Definitions> {
  const { rows } = await client.query<DefinedTable & { namesakes: string }>(hashDefinitions, [
    relations,
    TRIGGER_NAME,
  ]);
  return {
    tables: rows.filter(({ oid }) => oid !== NO_TABLE),
    hash: rows.map(({ oid, hash, namesakes }) => `${oid}:${hash}:${namesakes}`).join(' '),
  };
}

/** Gives a version to tables that have none, and a new one to those that are defined in another way than before. */
export async function recordDefinitions(client: ClientBase, { tables }: Definitions): Promise<void> {
  await lockForTransaction(client, VERSIONS_LOCK);
  await client.query(
    `INSERT INTO rivulet.table_versions AS known (relation, definition)
     SELECT relation::oid, definition FROM unnest($1::text[], $2::text[]) AS defined (relation, definition)
     ON CONFLICT (relation) DO UPDATE SET version = gen_random_uuid(), definition = excluded.definition
     WHERE known.definition <> excluded.definition`,
    [tables.map(({ oid }) => oid), tables.map(({ hash }) => hash)],
  );
}

/** In the first row, which has what the tables share. */
const NO_TABLE = '';

/**
 * Views, functions and enums are hashed for all tables alike: which of them reads what is not worth finding out, as
 * they change rarely. pg_get_viewdef() is not used: it locks what the view reads, and so waits for ALTER TABLE.
 *
 * xmin says that a catalogue row was written, where nothing else does: ALTER COLUMN … TYPE of the type it had, USING
 * another value, and a trigger that was switched off and on again. Namesakes are tables that search_path could take
 * for this one; they are no part of its definition.
 */
const hashDefinitions = `
WITH namespaces AS (
  SELECT oid FROM pg_namespace
  WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(temp|toast)'
), shared AS (
  SELECT md5(concat_ws(' ',
    (SELECT string_agg(md5(concat_ws(' ', class.oid, relname, relnamespace, reloptions::text, ev_action::text)), '' ORDER BY class.oid)
     FROM pg_class class JOIN pg_rewrite ON ev_class = class.oid
     WHERE relkind = 'v' AND relnamespace IN (SELECT oid FROM namespaces)),
    (SELECT string_agg(md5(concat_ws(' ', proc.oid, proname, pronamespace, provolatile, proisstrict, proconfig::text,
       prosrc, prosqlbody::text)), '' ORDER BY proc.oid)
     FROM pg_proc proc
     WHERE probin IS NULL AND prokind <> 'p' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
       AND pronamespace IN (SELECT oid FROM namespaces)),
    (SELECT md5(string_agg(concat_ws(' ', enumtypid, enumlabel), ',' ORDER BY oid)) FROM pg_enum))) AS hash
)
SELECT '${NO_TABLE}' AS oid, '' AS name, hash, '' AS namesakes FROM shared
UNION ALL
SELECT class.oid::text, format('%s.%I', relnamespace::regnamespace, relname),
  md5(concat_ws(' ', relname, relkind, relnamespace, relrowsecurity, relforcerowsecurity,
  (SELECT string_agg(concat_ws(' ', attname, atttypid, atttypmod, attcollation, attisdropped, atthasmissing, attribute.xmin),
     ',' ORDER BY attnum)
   FROM pg_attribute attribute WHERE attrelid = class.oid AND attnum > 0),
  (SELECT string_agg(concat_ws(' ', inhrelid, inhparent), ',' ORDER BY inhrelid, inhparent)
   FROM pg_inherits WHERE class.oid IN (inhrelid, inhparent)),
  (SELECT string_agg(concat_ws(' ', policy.oid, policy.xmin), ',' ORDER BY policy.oid)
   FROM pg_policy policy WHERE polrelid = class.oid),
  (SELECT concat_ws(' ', trigger.oid, trigger.xmin, tgenabled)
   FROM pg_trigger trigger WHERE tgrelid = class.oid AND tgname = $2),
  shared.hash)),
  (SELECT string_agg(other.oid::text, ',' ORDER BY other.oid) FROM pg_class other
   WHERE other.relname = class.relname AND other.relnamespace IN (SELECT oid FROM namespaces))
FROM pg_class class, shared
WHERE class.oid = ANY ($1::oid[])
ORDER BY name, oid`;
