import { textsOfFunctions } from '../change-detection/change-log/texts-of-functions';

/**
 * What central installs in the source database when realtime.yaml names rows. Writers append to changed_rows, each
 * transaction its own rows, so they never wait for each other. The number of a note is given while its writer holds the
 * row's lock: the notes of one key come in the order in which their transactions commit.
 */
export const installRowNotes = `
CREATE TABLE IF NOT EXISTS rivulet.changed_rows (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- By which a note is published once, whatever backup the source is restored from.
  name        uuid NOT NULL DEFAULT gen_random_uuid(),
  relation    oid NOT NULL,
  transaction xid8 NOT NULL,
  -- NULL: any row of the table may have changed.
  note        jsonb
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE UNIQUE INDEX IF NOT EXISTS changed_rows_whole ON rivulet.changed_rows (relation, transaction) WHERE note IS NULL;
-- The expression of a JSON object of these columns of the row r; NULL if one is not there. What JavaScript would round is
-- text. Of types that others can make only the output function is called, as the trigger runs with its owner's rights.
-- The columns of a selection have the names that it gives them, and there are no others.
CREATE OR REPLACE FUNCTION rivulet.row_object(relation oid, names text[], selection jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT 'jsonb_build_object(' || string_agg(format('%L, ', name) || format(CASE
      WHEN coalesce(nullif(typbasetype, 0), pg_type.oid)::int IN (16, 21, 23, 25, 114, 700, 701, 1042, 1043, 1082, 1114, 1184, 2950, 3802)
      THEN 'to_jsonb(r.%1$I)' ELSE 'CASE WHEN r.%1$I IS NOT NULL THEN to_jsonb(format(''%%s'', r.%1$I)) END' END, attname),
    ', ' ORDER BY place) || ')'
  FROM unnest(names) WITH ORDINALITY AS given (name, place)
  JOIN pg_attribute ON attrelid = relation AND attnum > 0 AND NOT attisdropped
    AND attname = CASE WHEN selection IS NULL THEN name ELSE selection -> 'columns' ->> name END
  JOIN pg_type ON pg_type.oid = atttypid
  HAVING count(*) = cardinality(names)
$function$;
-- Tells the notes that are made by one entry of realtime.yaml from those of another.
CREATE OR REPLACE FUNCTION rivulet.row_rule(topic text[], key text[], columns text[], selection jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT left(md5(jsonb_build_array(topic, key, columns, selection)::text), 16)
$function$;
-- The text of the trigger function that notes the changed rows of a table: of up to 1,000 rows each one, of up to 100,000
-- that each of at most 1,000 topics has changed, of more, and while nobody has taken the notes for long, that the table has.
-- Of a selection only the rows are noted that meet its condition, and of an update only what changes one of its columns.
CREATE OR REPLACE FUNCTION rivulet.row_body(relation oid, topic text[], key text[], columns text[], selection jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  WITH source AS (
    SELECT CASE WHEN selection ->> 'condition' IS NULL THEN '%s' ELSE '(SELECT * FROM %s WHERE ' || replace(selection ->> 'condition', '%', '%%') || ')' END AS rows
  ), event (name, rows, old_rows, new_rows, operation) AS (
    SELECT name, event.rows, CASE WHEN old_rows IS NOT NULL THEN format(source.rows, old_rows) END,
      CASE WHEN new_rows IS NOT NULL THEN format(source.rows, new_rows) END, operation
    FROM source, (VALUES ('INSERT', 'SELECT FROM new_rows', NULL, 'new_rows', 'insert'), ('DELETE', 'SELECT FROM old_rows', 'old_rows', NULL, 'delete'),
      ('UPDATE', 'SELECT FROM new_rows', 'old_rows', 'new_rows', 'update')) AS event (name, rows, old_rows, new_rows, operation)
  ), expression AS (
    SELECT rivulet.row_object(relation, key, selection) AS key,
      CASE cardinality(columns) WHEN 0 THEN 'NULL::jsonb' ELSE rivulet.row_object(relation, columns, selection) END AS row,
      CASE WHEN selection IS NOT NULL THEN
        (SELECT format('ARRAY[%s]::text[]', string_agg(format('CASE WHEN r.%1$I IS NULL THEN NULL ELSE format(''%%s'', r.%1$I) END', value), ', ' ORDER BY value))
         FROM jsonb_each_text(selection -> 'columns')) END AS seen,
      (SELECT 'jsonb_build_array(' || coalesce(string_agg(format('format(''%%s'', r.%I)', name), ', ' ORDER BY place), '') || ')'
       FROM unnest(topic) WITH ORDINALITY AS given (name, place)) AS topic
  ), query AS (
    SELECT name, event.rows,
      CASE WHEN old_rows IS NULL OR new_rows IS NULL THEN
        format('SELECT %L AS operation, %s AS topic, %s AS key, %s AS row FROM %s r', operation, expression.topic, expression.key,
          CASE operation WHEN 'delete' THEN 'NULL::jsonb' ELSE expression.row END, coalesce(new_rows, old_rows))
      ELSE
        format('SELECT event.* FROM (SELECT %1$s AS topic, %2$s AS key, %3$s AS row, %5$s AS seen FROM %6$s r) o '
          'FULL JOIN (SELECT %1$s AS topic, %2$s AS key, %3$s AS row, %5$s AS seen FROM %7$s r) n ON o.key = n.key '
          'CROSS JOIN LATERAL (VALUES (''delete'', o.topic, o.key, NULL::jsonb), '
          '(CASE WHEN o.topic = n.topic THEN ''update'' ELSE ''insert'' END, n.topic, n.key, n.row)) AS event (operation, topic, key, row) '
          'WHERE CASE operation WHEN ''delete'' THEN o.key IS NOT NULL AND (n.key IS NULL OR o.topic <> n.topic) '
          'WHEN ''insert'' THEN n.key IS NOT NULL ELSE %4$L OR o.row IS DISTINCT FROM n.row OR o.seen IS DISTINCT FROM n.seen END',
          expression.topic, expression.key, expression.row, selection IS NULL AND cardinality(columns) = 0, coalesce(expression.seen, 'NULL::text'), old_rows, new_rows)
      END AS notes,
      concat_ws(' UNION ', 'SELECT DISTINCT ' || expression.topic || ' AS topic FROM ' || old_rows || ' r', 'SELECT DISTINCT ' || expression.topic || ' AS topic FROM ' || new_rows || ' r') AS topics
    FROM event, expression
  )
  SELECT E'\\n#variable_conflict use_column\\nDECLARE rivulet_notes jsonb[]; rivulet_rows int;\\nBEGIN\\n  BEGIN\\n'
    || E'    IF coalesce((SELECT max(id) - min(id) FROM rivulet.changed_rows), 0) > 100000 THEN\\n      rivulet_notes := NULL;\\n'
    || string_agg(format(
      E'    ELSIF TG_OP = %1$L THEN\\n      rivulet_rows := (SELECT count(*) FROM (%2$s LIMIT 100001) AS changed);\\n'
      '      IF rivulet_rows <= 1000 THEN\\n        rivulet_notes := ARRAY(SELECT jsonb_build_object(''operation'', operation, ''topic'', topic, ''key'', key, '
      '''row'', CASE WHEN octet_length(row::text) <= 131072 THEN row END, ''rule'', %5$L) FROM (%3$s) AS changed);\\n'
      '      ELSIF rivulet_rows <= 100000 THEN\\n        rivulet_notes := ARRAY(SELECT jsonb_build_object(''operation'', ''resync'', ''topic'', topic, ''rule'', %5$L) FROM (%4$s) AS changed LIMIT 1001);\\n'
      '        IF cardinality(rivulet_notes) > 1000 THEN\\n          rivulet_notes := NULL;\\n        END IF;\\n      END IF;\\n', name, rows, notes, topics, rivulet.row_rule(topic, key, columns, selection)),
      '' ORDER BY name)
    || E'    END IF;\\n  EXCEPTION WHEN OTHERS THEN rivulet_notes := NULL;\\n  END;\\n'
    || E'  IF rivulet_notes IS NULL THEN\\n'
    || E'    INSERT INTO rivulet.changed_rows (relation, transaction) VALUES (TG_RELID, pg_current_xact_id()) ON CONFLICT DO NOTHING;\\n'
    || E'  ELSE\\n'
    || E'    INSERT INTO rivulet.changed_rows (relation, transaction, note) SELECT TG_RELID, pg_current_xact_id(), note FROM unnest(rivulet_notes) AS note;\\n'
    || E'  END IF;\\n  RETURN NULL;\\nEND\\n'
  FROM query HAVING count(notes) = 3
$function$;
-- Whether the triggers of a table note its changed rows so, whoever writes.
CREATE OR REPLACE FUNCTION rivulet.notes_rows(relation oid, topic text[], key text[], columns text[], selection jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT count(*) = 4 FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
  WHERE tgrelid = relation AND tgenabled = 'A' AND tgqual IS NULL AND prosecdef
    AND pronamespace = 'rivulet'::regnamespace AND proname = 'rows_' || relation
    AND (tgname, tgtype & 61) IN (('rivulet_rows_insert', 4), ('rivulet_rows_delete', 8), ('rivulet_rows_update', 16), ('rivulet_rows_truncate', 32))
    AND prosrc = rivulet.row_body(relation, topic, key, columns, selection)
$function$;
-- Has the changed rows of a table noted: the values of its topic's columns, its key, and these columns of the row. A selection
-- {"columns": {"name of the dataset": "name of the table"}, "condition": "…"} notes those of a dataset; NULL all of the table.
CREATE OR REPLACE FUNCTION rivulet.note_rows(relation regclass, topic text[], key text[], columns text[], selection jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  body text := rivulet.row_body(relation, topic, key, columns, selection);
  note text := format('rivulet.rows_%s', relation::oid);
  event text;
BEGIN
  IF body IS NULL OR NOT has_table_privilege('rivulet.changed_rows', 'SELECT, INSERT') THEN
    RAISE EXCEPTION 'changed rows of % cannot be noted by these columns', relation;
  END IF;
  EXECUTE format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
    'SET search_path = pg_catalog, pg_temp SET timezone = ''UTC'' SET datestyle = ''ISO'' SET intervalstyle = ''iso_8601'' '
    'SET bytea_output = ''hex'' SET extra_float_digits = 1 SET lc_monetary = ''C'' SET array_nulls = on '
    'SET standard_conforming_strings = on SET transform_null_equals = off AS %L', note, body);
  FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete', 'truncate'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER rivulet_rows_%1$s AFTER %1$s ON %2$s %3$s FOR EACH STATEMENT EXECUTE FUNCTION %4$s()',
      event, relation,
      CASE event WHEN 'insert' THEN 'REFERENCING NEW TABLE AS new_rows' WHEN 'delete' THEN 'REFERENCING OLD TABLE AS old_rows'
        WHEN 'update' THEN 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows' END, note);
    EXECUTE format('ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER rivulet_rows_%s', relation, event);
  END LOOP;
END
$function$;
-- Ends the noting of all tables but these; with the functions go the triggers.
CREATE OR REPLACE FUNCTION rivulet.forget_rows(wanted oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE gone text;
BEGIN
  FOR gone IN
    SELECT proname FROM pg_proc
    WHERE pronamespace = 'rivulet'::regnamespace AND proname ~ '^rows_[0-9]+$' AND pg_has_role(proowner, 'USAGE')
      AND substr(proname, 6)::oid <> ALL (wanted)
  LOOP
    EXECUTE format('DROP FUNCTION IF EXISTS rivulet.%I() CASCADE', gone);
  END LOOP;
END
$function$`;

/** The rights that central needs on the notes where somebody else owns them. */
export const ROW_NOTES_RIGHTS = 'SELECT, DELETE';

/** The texts of the functions in it, by which an earlier installation is told from this. */
export const rowNotesTexts = textsOfFunctions(installRowNotes);
