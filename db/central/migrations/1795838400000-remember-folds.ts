import type { MigrationInterface, QueryRunner } from 'typeorm';

/** As of which fold of the source's log a dataset was read, so that later only what has changed since must be. */
export class RememberFolds1795838400000 implements MigrationInterface {
  name = 'RememberFolds1795838400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- The snapshot that it belongs to comes first: a central of an earlier version changes snapshot_id alone.
      ALTER TABLE rivulet.snapshot_cache ADD COLUMN read_as_of text;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE rivulet.snapshot_cache DROP COLUMN read_as_of');
  }
}
