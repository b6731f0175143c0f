import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The defaults of target tables read settings of the transaction. As `current_setting` itself they took an eighth of the
 * time of loading, as PostgreSQL called it for each row; it calls what is IMMUTABLE once, when it plans a statement. The value
 * is that of the transaction as long as no plan outlives it: COPY is planned each time.
 */
export class SettingsOfCollection1795845600000 implements MigrationInterface {
  name = 'SettingsOfCollection1795845600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION rivulet.collection_setting(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT
      AS $$ BEGIN RETURN pg_catalog.current_setting(name); END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION rivulet.collection_setting(text)');
  }
}
