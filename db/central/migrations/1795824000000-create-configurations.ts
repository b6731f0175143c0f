import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Named JSON documents with versions, and what devices have of them. */
export class CreateConfigurations1795824000000 implements MigrationInterface {
  name = 'CreateConfigurations1795824000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Orders everything that changes what a device is to have, over all configurations and processes.
      CREATE SEQUENCE rivulet.configuration_sequence;

      CREATE TABLE rivulet.configurations (
        name             text PRIMARY KEY,
        description      text,
        -- A JSON Schema for what devices get.
        schema           json,
        latest_version   integer NOT NULL DEFAULT 0,
        -- What every target has, unless a rollout gives it another; null before the first.
        released_version integer,
        generation       bigint NOT NULL DEFAULT nextval('rivulet.configuration_sequence'),
        created_at       timestamptz NOT NULL DEFAULT now(),
        changed_at       timestamptz NOT NULL DEFAULT now()
      );

      -- Never updated. json, not jsonb: it comes back as it was written.
      CREATE TABLE rivulet.configuration_versions (
        name                  text NOT NULL REFERENCES rivulet.configurations,
        version               integer NOT NULL,
        data                  json NOT NULL,
        overlays              json NOT NULL,
        targets               json,
        poll_interval_seconds integer NOT NULL,
        -- Of the canonical JSON of data, overlays, targets and interval.
        sha256                text NOT NULL,
        author                text NOT NULL,
        comment               text,
        restored_from         integer,
        created_at            timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (name, version)
      );

      CREATE TABLE rivulet.configuration_devices (
        name             text NOT NULL REFERENCES rivulet.configurations,
        device_id        text NOT NULL REFERENCES rivulet.devices ON DELETE CASCADE,
        -- Sent last.
        generation       bigint NOT NULL DEFAULT 0,
        sequence         bigint NOT NULL DEFAULT 0,
        version          integer,
        sha256           text,
        sent_at          timestamptz,
        -- Reported last.
        status           text CHECK (status IN ('APPLYING', 'APPLIED', 'FAILED')),
        reported_version integer,
        reported_sequence bigint NOT NULL DEFAULT 0,
        in_force_version integer,
        in_force_sha256  text,
        reason           text,
        reported_at      timestamptz,
        -- Since when the reported version is applied.
        applied_at       timestamptz,
        PRIMARY KEY (name, device_id)
      ) WITH (fillfactor = 80);
      CREATE INDEX ON rivulet.configuration_devices (device_id);
      CREATE INDEX ON rivulet.configuration_devices (name, status, device_id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE rivulet.configuration_devices, rivulet.configuration_versions, rivulet.configurations;
      DROP SEQUENCE rivulet.configuration_sequence`);
  }
}
