/** Held by whoever installs something, as two centrals may start at once. */
export const INSTALLATION_LOCK = 'rivulet change detection';

/** The trigger on every watched table. */
export const TRIGGER_NAME = 'rivulet_note_change';

/**
 * What central installs in the source database, once. Writers append to changed_tables, each transaction its own
 * rows, so they never wait for each other. The function runs with its owner's rights: a writer needs none here.
 */
export const installChangeLog = `
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
$function$`;

/** Apart: where the schema is there, the right to make one is not needed. */
export const createSchema = 'CREATE SCHEMA IF NOT EXISTS rivulet';

/** What central must be allowed to do with the tables, beside USAGE of the schema, where somebody else owns them. */
export const logRights = [
  { table: 'changed_tables', rights: 'SELECT, DELETE' },
  { table: 'table_versions', rights: 'SELECT, INSERT, UPDATE' },
] as const;

/** The trigger of a table, which is named as SQL writes it. */
export function createTrigger(table: string): string {
  return (
    `CREATE OR REPLACE TRIGGER ${TRIGGER_NAME} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${table} ` +
    'FOR EACH STATEMENT EXECUTE FUNCTION rivulet.note_change()'
  );
}

/** It fires for replication roles, too. */
export function enableAlways(table: string): string {
  return `ALTER TABLE ONLY ${table} ENABLE ALWAYS TRIGGER ${TRIGGER_NAME}`;
}
