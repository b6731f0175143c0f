import type { MigrationInterface, QueryRunner } from 'typeorm';

/** "Verify" is what follows an apply; the later reading of all mirrors is a scrub. */
export class RenameVerificationId1795737600000 implements MigrationInterface {
  name = 'RenameVerificationId1795737600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE rivulet.edge_scrub_log RENAME COLUMN verification_id TO scrub_id');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE rivulet.edge_scrub_log RENAME COLUMN scrub_id TO verification_id');
  }
}
