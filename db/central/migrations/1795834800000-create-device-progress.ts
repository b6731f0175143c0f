import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far each device is, for the summary of a fleet: to derive it from the story of all syncs would be slow. */
export class CreateDeviceProgress1795834800000 implements MigrationInterface {
  name = 'CreateDeviceProgress1795834800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.device_progress (
        device_id          text PRIMARY KEY REFERENCES rivulet.devices ON DELETE CASCADE,
        -- The last manifest that it was given, and the last one that it has proved.
        issued_manifest_id text,
        proved_manifest_id text,
        -- Since when it has not proved what it was given.
        unproved_since     timestamptz,
        -- When its rows were last confirmed to be those that it is to have.
        confirmed_at       timestamptz,
        -- Why its last sync failed, as central saw it.
        failing_code       text,
        failing_table      text,
        failing_since      timestamptz,
        -- Why its last cycle failed, by its heartbeat; empty when it did not.
        reported_code      text,
        reported_since     timestamptz
      ) WITH (fillfactor = 80)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rivulet.device_progress');
  }
}
