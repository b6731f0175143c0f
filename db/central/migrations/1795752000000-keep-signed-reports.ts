import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a device has signed of its report; with the manifest, which central has signed, it proves what the device held. */
export class KeepSignedReports1795752000000 implements MigrationInterface {
  name = 'KeepSignedReports1795752000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE rivulet.sync_acknowledgements ADD COLUMN statement text, ADD COLUMN signed_by text',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE rivulet.sync_acknowledgements DROP COLUMN statement, DROP COLUMN signed_by',
    );
  }
}
