-- Lets central notice changes in a source in which its role may do no more than read: what central otherwise installs
-- by itself, the rights on it, and the triggers. Without this, central reads everything again after an interval.
--
-- Run it as the owner of the tables, in the database that CENTRAL_SOURCE_DATABASE_URL names, with any client that runs
-- several statements. It may be run again, and must be when datasets read other tables. Central takes it up within ten
-- seconds. apps/central/src/source/change-detection/change-log/change-log-schema.ts has the same text; a test compares the two.

-- Edit these three lines. The first is the role in CENTRAL_SOURCE_DATABASE_URL. The second lists all tables that the
-- queries of the datasets file read, also behind views, with their schemas; partitions and parents are found. Central
-- names those that are missing in its log, and in the answer of GET /api/operators/datasets. The third lists columns of
-- them that queries compare with a parameter, such as public.users.company_id: then a change concerns only the devices
-- whose parameters have its value. "npm run datasets -- explain" names them.
SET rivulet.source_role = 'rivulet_source';
SET rivulet.source_tables = 'public.users, public.groups';
SET rivulet.source_columns = '';

BEGIN;

CREATE SCHEMA IF NOT EXISTS rivulet;

-- Writers append to changed_tables and changed_values, each transaction its own rows, so they never wait for each other.
-- The functions of triggers run with the rights of their owner: a writer needs none here.
CREATE TABLE IF NOT EXISTS rivulet.changed_tables (
  relation    oid NOT NULL,
  transaction xid8 NOT NULL,
  PRIMARY KEY (relation, transaction)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE TABLE IF NOT EXISTS rivulet.changed_values (
  relation    oid NOT NULL,
  value       int NOT NULL,
  transaction xid8 NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE rivulet.changed_values DROP CONSTRAINT IF EXISTS changed_values_pkey;
ALTER TABLE rivulet.changed_values ADD COLUMN IF NOT EXISTS key text[] COLLATE "C";
CREATE TABLE IF NOT EXISTS rivulet.table_versions (
  relation   oid PRIMARY KEY,
  version    uuid NOT NULL DEFAULT gen_random_uuid(),
  definition text NOT NULL
);
CREATE TABLE IF NOT EXISTS rivulet.value_versions (
  relation oid NOT NULL,
  value    int NOT NULL,
  fold     bigint NOT NULL,
  version  bigint NOT NULL,
  PRIMARY KEY (relation, value)
);
CREATE INDEX IF NOT EXISTS value_versions_fold ON rivulet.value_versions (fold);
ALTER TABLE rivulet.value_versions ADD COLUMN IF NOT EXISTS whole_fold bigint NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS rivulet.folds (
  fold    bigint PRIMARY KEY,
  version bigint NOT NULL
);
ALTER TABLE rivulet.folds ADD COLUMN IF NOT EXISTS keys bigint;
CREATE TABLE IF NOT EXISTS rivulet.changed_keys (
  relation oid NOT NULL,
  fold     bigint NOT NULL,
  value    int NOT NULL,
  key      text[] COLLATE "C" NOT NULL
);
CREATE INDEX IF NOT EXISTS changed_keys_fold ON rivulet.changed_keys (fold);
CREATE OR REPLACE FUNCTION rivulet.note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  INSERT INTO rivulet.changed_tables VALUES (TG_RELID, pg_current_xact_id()) ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$function$;
-- The text of the trigger function that notes the changes of a table by the values in these columns, each as
-- attribute * 65536 + the low 16 bits of a hash; NULL as -1, what is too much or cannot be told as 0: the whole table.
-- Of columns whose numbers are negative the texts are noted, too, as the key of a changed row, in the order of the table.
CREATE OR REPLACE FUNCTION rivulet.note_body(relation oid, attributes int[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  WITH wanted AS (
    SELECT attnum, attname, atttypid::int AS type
    FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
  ), columns AS (
    SELECT attnum, format('coalesce(%s + (%s & 65535), -1)', attnum * 65536, format(CASE type
        WHEN 21 THEN 'hashint2(r.%I)' WHEN 23 THEN 'hashint4(r.%I)' WHEN 20 THEN 'hashint8(r.%I)'
        WHEN 25 THEN 'hashtext(r.%I)' WHEN 1043 THEN 'hashtext(r.%I)' WHEN 1042 THEN 'hashbpchar(r.%I)'
        WHEN 2950 THEN 'uuid_hash(r.%I)' WHEN 829 THEN 'hashmacaddr(r.%I)' WHEN 16 THEN 'hashint4(r.%I::int)'
      END, attname)) AS value,
      type IN (21, 23, 20, 25, 1043, 1042, 2950, 829, 16) AS is_fit
    FROM wanted WHERE attnum = ANY (attributes)
    UNION ALL SELECT 0, '-1', true WHERE 0 > ALL (attributes) AND cardinality(attributes) > 0
  ), key AS (
    SELECT count(*) AS count, format('ARRAY[%s]', string_agg(format(CASE
        WHEN type IN (25, 1043, 1042) THEN 'CASE WHEN octet_length(r.%1$I) <= 500 THEN r.%1$I::text COLLATE "C" END'
        WHEN type IN (1082, 1114, 1184) THEN '(to_jsonb(r.%1$I) #>> ''{}'') COLLATE "C"'
        WHEN type IN (21, 23, 20, 1700, 2950, 829, 16) THEN 'r.%1$I::text COLLATE "C"'
      END, attname), ', ' ORDER BY attnum)) AS texts
    FROM wanted WHERE -attnum = ANY (attributes)
      AND type IN (25, 1043, 1042, 1082, 1114, 1184, 21, 23, 20, 1700, 2950, 829, 16)
  ), notes AS (
    SELECT name, string_agg(format('SELECT %s AS value FROM %s r', value, rows), ' UNION ALL ' ORDER BY attnum, rows) AS query,
      string_agg(format('SELECT %s AS value, %s AS key FROM %s r', value, texts, rows), ' UNION ALL ' ORDER BY attnum, rows) AS keyed
    FROM columns, key, (VALUES ('INSERT', 'new_rows'), ('UPDATE', 'old_rows'), ('UPDATE', 'new_rows'), ('DELETE', 'old_rows'))
      AS event (name, rows)
    GROUP BY name HAVING bool_and(is_fit)
  ), texts AS (
    SELECT name, CASE count WHEN 0 THEN format(
      E'      SELECT min(value), max(value) INTO rivulet_least, rivulet_most FROM (%1$s) AS changed;\n'
      '      IF rivulet_least < rivulet_most THEN rivulet_notes := ARRAY(SELECT DISTINCT value FROM (%1$s) AS changed LIMIT 1001);\n'
      '      ELSIF rivulet_least IS NULL THEN rivulet_notes := ''{}'';\n      END IF;\n', query)
    -- Most statements change one row, for which a loop takes less time than aggregates.
    ELSE format(
      E'      FOR rivulet_most, rivulet_last IN %2$s LIMIT 3 LOOP\n        rivulet_count := rivulet_count + 1;\n'
      '        IF rivulet_count = 1 THEN rivulet_least := rivulet_most; rivulet_key := rivulet_last;\n'
      '        ELSIF rivulet_least <> rivulet_most OR rivulet_key <> rivulet_last THEN rivulet_count := 3;\n'
      '        EXIT;\n        END IF;\n      END LOOP;\n'
      '      IF rivulet_count = 0 THEN rivulet_notes := ''{}'';\n      ELSIF rivulet_count > 2 THEN\n'
      '        SELECT min(value), max(value), min(key), max(key), count(*)\n'
      '          INTO rivulet_least, rivulet_most, rivulet_key, rivulet_last, rivulet_count FROM (%2$s LIMIT 2001) AS changed;\n'
      '        IF rivulet_count > 2000 THEN\n          rivulet_key := NULL;\n'
      '          SELECT min(value), max(value) INTO rivulet_least, rivulet_most FROM (%1$s) AS changed;\n'
      '          IF rivulet_least < rivulet_most THEN rivulet_notes := ARRAY(SELECT DISTINCT value FROM (%1$s) AS changed LIMIT 1001);\n          END IF;\n'
      '        ELSIF rivulet_least < rivulet_most OR rivulet_key IS DISTINCT FROM rivulet_last THEN\n'
      '          rivulet_rows := ARRAY(SELECT DISTINCT ROW(TG_RELID, value, pg_current_xact_id(), key)::rivulet.changed_values FROM (%2$s) AS changed);\n'
      '        END IF;\n      END IF;\n', query, keyed)
    END AS text
    FROM notes, key
  )
  SELECT E'\n#variable_conflict use_column\nDECLARE rivulet_notes int[]; rivulet_least int; rivulet_most int;\n'
    || E'  rivulet_rows rivulet.changed_values[]; rivulet_key text[]; rivulet_last text[]; rivulet_count int := 0;\nBEGIN\n  BEGIN\n'
    || string_agg(format(E'    IF TG_OP = %L THEN\n%s    END IF;\n', name, text), '' ORDER BY name)
    || E'  EXCEPTION WHEN OTHERS THEN rivulet_notes := NULL; rivulet_rows := NULL; rivulet_least := NULL;\n  END;\n'
    || E'  IF rivulet_rows IS NOT NULL THEN\n'
    || E'    INSERT INTO rivulet.changed_values SELECT * FROM unnest(rivulet_rows);\n'
    || E'  ELSIF rivulet_least = rivulet_most THEN\n'
    || E'    INSERT INTO rivulet.changed_values VALUES (TG_RELID, rivulet_least, pg_current_xact_id(), rivulet_key);\n'
    || E'  ELSIF cardinality(rivulet_notes) <= 1000 THEN\n'
    || E'    INSERT INTO rivulet.changed_values SELECT TG_RELID, note, pg_current_xact_id() FROM unnest(rivulet_notes) AS note;\n'
    || E'  ELSE\n'
    || E'    INSERT INTO rivulet.changed_values VALUES (TG_RELID, 0, pg_current_xact_id());\n'
    || E'  END IF;\n  RETURN NULL;\nEND\n'
  FROM texts, key WHERE count = (SELECT count(*) FROM unnest(attributes) AS attribute WHERE attribute < 0)
  HAVING count(*) = 3
$function$;
-- The columns by which the triggers of a table note its changes, as note_body() takes them: empty unless all of them fire always and do what note_body() says.
CREATE OR REPLACE FUNCTION rivulet.noted_columns(relation oid) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  WITH noted AS (
    SELECT array_remove(string_to_array(encode(tgargs, 'escape'), '\000'), '')::int[] AS attributes
    FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgrelid = relation AND tgenabled = 'A' AND tgqual IS NULL AND prosecdef
      AND pronamespace = 'rivulet'::regnamespace AND proname = 'note_' || relation
      AND (tgname, tgtype & 61) IN (('rivulet_note_insert', 4), ('rivulet_note_delete', 8), ('rivulet_note_update', 16), ('rivulet_note_change', 32))
      AND prosrc = rivulet.note_body(relation, array_remove(string_to_array(encode(tgargs, 'escape'), '\000'), '')::int[])
  )
  SELECT coalesce((SELECT min(attributes) FROM noted HAVING count(*) = 4 AND min(attributes) = max(attributes)), '{}')
$function$;
-- Has the changes of a table noted by these columns, and by those that they are noted by already; see note_body().
CREATE OR REPLACE FUNCTION rivulet.note_values(relation regclass, attributes int[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  wanted int[] := ARRAY(SELECT DISTINCT unnest(attributes || rivulet.noted_columns(relation)) ORDER BY 1);
  body text := rivulet.note_body(relation, wanted);
  note text := format('rivulet.note_%s', relation::oid);
  event text;
  trigger_name text;
  gone text;
BEGIN
  IF body IS NULL OR cardinality(wanted) > 16 OR NOT has_table_privilege('rivulet.changed_values', 'INSERT') THEN
    RAISE EXCEPTION 'changes of % cannot be noted by these columns', relation;
  END IF;
  EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L', note, body);
  FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete', 'truncate'] LOOP
    trigger_name := CASE event WHEN 'truncate' THEN 'rivulet_note_change' ELSE 'rivulet_note_' || event END;
    EXECUTE format('CREATE OR REPLACE TRIGGER %s AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION %s(%s)',
      trigger_name, event, relation,
      CASE event WHEN 'insert' THEN 'REFERENCING NEW TABLE AS new_rows' WHEN 'delete' THEN 'REFERENCING OLD TABLE AS old_rows'
        WHEN 'update' THEN 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
      note, (SELECT string_agg(quote_literal(attribute), ', ') FROM unnest(wanted) AS attribute));
    EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER %s', relation, trigger_name);
  END LOOP;
  FOR gone IN
    SELECT proname FROM pg_proc WHERE pronamespace = 'rivulet'::regnamespace AND proname ~ '^note_[0-9]+$'
      AND pg_has_role(proowner, 'USAGE') AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgfoid = pg_proc.oid)
  LOOP
    EXECUTE format('DROP FUNCTION IF EXISTS rivulet.%I()', gone);
  END LOOP;
END
$function$;

DO $rights$
DECLARE role text := quote_ident(current_setting('rivulet.source_role'));
BEGIN
  EXECUTE 'GRANT USAGE ON SCHEMA rivulet TO ' || role;
  EXECUTE 'GRANT SELECT, DELETE ON rivulet.changed_tables TO ' || role;
  EXECUTE 'GRANT SELECT, DELETE ON rivulet.changed_values TO ' || role;
  EXECUTE 'GRANT SELECT, INSERT, UPDATE ON rivulet.table_versions TO ' || role;
  EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON rivulet.value_versions TO ' || role;
  EXECUTE 'GRANT SELECT, INSERT, DELETE ON rivulet.folds TO ' || role;
  EXECUTE 'GRANT SELECT, INSERT, DELETE ON rivulet.changed_keys TO ' || role;
END
$rights$;

-- CREATE TRIGGER waits for the writers of a table, and new ones wait behind it: not for longer than this.
SET LOCAL lock_timeout = '5s';

DO $triggers$
DECLARE
  watched regclass;
  columns int[];
BEGIN
  FOR watched, columns IN
    WITH RECURSIVE named AS (
      SELECT trim(name)::regclass::oid AS oid, NULL AS column_name
      FROM unnest(string_to_array(current_setting('rivulet.source_tables'), ',')) AS name WHERE trim(name) <> ''
      UNION ALL
      SELECT (SELECT string_agg(quote_ident(part), '.' ORDER BY place)
              FROM unnest(trim_array(parts, 1)) WITH ORDINALITY AS list (part, place))::regclass::oid, parts[cardinality(parts)]
      FROM unnest(string_to_array(current_setting('rivulet.source_columns'), ',')) AS name
      CROSS JOIN LATERAL (SELECT parse_ident(trim(name)) AS parts) AS identifier WHERE trim(name) <> ''
    ), below AS (
      SELECT oid, column_name FROM named UNION SELECT inhrelid, column_name FROM pg_inherits JOIN below ON inhparent = oid
    ), family AS (
      SELECT oid, column_name FROM below
      UNION SELECT inhparent, column_name FROM pg_inherits JOIN family ON inhrelid = oid
    )
    SELECT oid, ARRAY(
      SELECT attnum::int FROM pg_attribute
      WHERE attrelid = oid AND attnum > 0 AND NOT attisdropped AND attname = ANY (array_agg(column_name)) ORDER BY attnum)
    FROM family GROUP BY oid ORDER BY oid
  LOOP
    CONTINUE WHEN cardinality(rivulet.noted_columns(watched)) > 0 AND rivulet.noted_columns(watched) @> columns;
    IF cardinality(columns) > 0 THEN
      PERFORM rivulet.note_values(watched, columns);
      CONTINUE;
    END IF;
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
