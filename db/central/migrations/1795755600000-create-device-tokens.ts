import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How small agents prove who they are, which have no key. */
export class CreateDeviceTokens1795755600000 implements MigrationInterface {
  name = 'CreateDeviceTokens1795755600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.device_tokens (
        -- SHA-256: the token itself is shown once, to its device.
        token_digest text PRIMARY KEY,
        device_id    text NOT NULL REFERENCES rivulet.devices ON DELETE CASCADE,
        created_at   timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX ON rivulet.device_tokens (device_id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rivulet.device_tokens');
  }
}
