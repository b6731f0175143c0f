import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The defaults of target tables read settings of the transaction. As `current_setting` itself they took an eighth of the
 * time of loading, as PostgreSQL called it for each row; it calls what is IMMUTABLE once, when it plans a statement. The value
 * is that of the transaction as long as no plan outlives it: COPY is planned each time.
 *
 * Where somebody drops the schema `rivulet`, target tables stay and lose these defaults with the function. They have them
 * again once the tables of central are made again.
 */
export class SettingsOfCollection1795845600000 implements MigrationInterface {
  name = 'SettingsOfCollection1795845600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION rivulet.collection_setting(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT
      AS $$ BEGIN RETURN pg_catalog.current_setting(name); END $$;
      DO $$ DECLARE target record; BEGIN
        FOR target IN
          SELECT pg_class.oid::regclass AS name, attname AS column FROM pg_class
          JOIN pg_attribute ON attrelid = pg_class.oid JOIN pg_roles ON pg_roles.oid = relowner
          WHERE relnamespace = to_regnamespace('collected') AND relkind = 'r' AND rolname = current_user
            AND obj_description(pg_class.oid, 'pg_class') LIKE 'Rivulet collected rows, mode %'
            AND attname IN ('network_id', 'run_id') AND NOT attisdropped AND NOT atthasdef
        LOOP
          EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT rivulet.collection_setting(%L)',
            target.name, target.column, 'rivulet.' || target.column);
        END LOOP;
      END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION rivulet.collection_setting(text)');
  }
}
