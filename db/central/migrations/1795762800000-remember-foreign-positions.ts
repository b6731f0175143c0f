import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Devices that have applied a manifest which this database has not issued. They are refused until the epoch is raised. */
export class RememberForeignPositions1795762800000 implements MigrationInterface {
  name = 'RememberForeignPositions1795762800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.foreign_positions (
        device_id   text PRIMARY KEY,
        mac_address text NOT NULL,
        manifest_id text NOT NULL,
        epoch       integer NOT NULL,
        sequence    bigint NOT NULL,
        first_at    timestamptz NOT NULL DEFAULT now(),
        told_at     timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rivulet.foreign_positions');
  }
}
