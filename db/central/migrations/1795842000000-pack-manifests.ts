import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Signed manifests are kept without base64 and compressed: as text each took more than 3 kB, outside of its row. */
export class PackManifests1795842000000 implements MigrationInterface {
  name = 'PackManifests1795842000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Earlier ones stay in document, which is NULL in others.
      ALTER TABLE rivulet.sync_manifests ALTER COLUMN document DROP NOT NULL, ADD COLUMN packed_document bytea;
      ALTER TABLE rivulet.sync_manifests ALTER COLUMN packed_document SET STORAGE EXTERNAL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE rivulet.sync_manifests DROP COLUMN packed_document, ALTER COLUMN document SET NOT NULL',
    );
  }
}
