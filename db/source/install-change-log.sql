-- Lets central notice changes in a source in which its role may do no more than read: what central otherwise installs
-- by itself, the rights on it, and the triggers. Without this, central reads everything again after an interval.
--
-- Run it as the owner of the tables, in the database that CENTRAL_SOURCE_DATABASE_URL names, with any client that runs
-- several statements. It may be run again, and must be when datasets read other tables. Central takes it up within ten
-- seconds. apps/central/src/changes/change-log-schema.ts has the same text; a test compares the two.

-- Edit these two lines. The first is the role in CENTRAL_SOURCE_DATABASE_URL. The second lists all tables that the
-- queries of the datasets file read, also behind views, with their schemas; partitions and parents are found. Central
-- names those that are missing in its log, and in the answer of GET /api/operators/datasets.
SET rivulet.source_role = 'rivulet_source';
SET rivulet.source_tables = 'public.users, public.groups';

BEGIN;

CREATE SCHEMA IF NOT EXISTS rivulet;

-- Writers append to changed_tables, each transaction its own rows, so they never wait for each other. The function
-- runs with the rights of its owner: a writer needs none here.
CREATE TABLE IF NOT EXISTS rivulet.changed_tables (
  relation    oid NOT NULL,
  transaction xid8 NOT NULL,
  PRIMARY KEY (relation, transaction)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE TABLE IF NOT EXISTS rivulet.table_versions (
  relation   oid PRIMARY KEY,
  version    uuid NOT NULL DEFAULT gen_random_uuid(),
  definition text NOT NULL
);
CREATE OR REPLACE FUNCTION rivulet.note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  INSERT INTO rivulet.changed_tables VALUES (TG_RELID, pg_current_xact_id()) ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$function$;

DO $rights$
DECLARE role text := quote_ident(current_setting('rivulet.source_role'));
BEGIN
  EXECUTE 'GRANT USAGE ON SCHEMA rivulet TO ' || role;
  EXECUTE 'GRANT SELECT, DELETE ON rivulet.changed_tables TO ' || role;
  EXECUTE 'GRANT SELECT, INSERT, UPDATE ON rivulet.table_versions TO ' || role;
END
$rights$;

-- CREATE TRIGGER waits for the writers of a table, and new ones wait behind it: not for longer than this.
SET LOCAL lock_timeout = '5s';

DO $triggers$
DECLARE watched regclass;
BEGIN
  FOR watched IN
    WITH RECURSIVE named AS (
      SELECT trim(name)::regclass::oid AS oid
      FROM unnest(string_to_array(current_setting('rivulet.source_tables'), ',')) AS name WHERE trim(name) <> ''
    ), below AS (
      SELECT oid FROM named UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = oid
    ), family AS (
      SELECT oid FROM below UNION SELECT inhparent FROM pg_inherits JOIN family ON inhrelid = oid
    )
    SELECT oid FROM family ORDER BY oid
  LOOP
    CONTINUE WHEN EXISTS (
      SELECT FROM pg_trigger
      WHERE tgrelid = watched AND tgname = 'rivulet_note_change' AND tgenabled = 'A'
        AND tgfoid = 'rivulet.note_change()'::regprocedure);
    EXECUTE format('CREATE OR REPLACE TRIGGER rivulet_note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION rivulet.note_change()', watched);
    EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER rivulet_note_change', watched);
  END LOOP;
END
$triggers$;

COMMIT;
