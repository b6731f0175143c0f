import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who connects to central. */
export class CreateDevices1795744800000 implements MigrationInterface {
  name = 'CreateDevices1795744800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.devices (
        device_id     text PRIMARY KEY,
        name          text NOT NULL,
        mac_address   text UNIQUE,
        kind          text NOT NULL CHECK (kind IN ('edge', 'agent')),
        status        text NOT NULL CHECK (status IN ('pending', 'active', 'revoked', 'quarantined')),
        status_reason text,
        labels        jsonb NOT NULL DEFAULT '{}',
        version       text,
        address       text,
        metrics       jsonb,
        last_seen_at  timestamptz,
        -- Set by an operator: the next request is answered with every row, until one such answer was applied.
        resync_since  timestamptz,
        created_at    timestamptz NOT NULL DEFAULT now(),
        -- Every process of central looks for what changed lately: what it remembers of a device is no older.
        changed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
      ) WITH (fillfactor = 80);
      CREATE INDEX ON rivulet.devices (changed_at);
      CREATE INDEX ON rivulet.devices (name, device_id);
      CREATE INDEX ON rivulet.devices (last_seen_at, device_id);
      CREATE INDEX ON rivulet.devices USING gin (labels jsonb_path_ops);

      -- Devices that were deleted, for the processes that still remember them.
      CREATE TABLE rivulet.device_removals (
        device_id  text PRIMARY KEY,
        removed_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE INDEX ON rivulet.device_removals (removed_at);

      -- For whom of the registry a manifest was made, and which request for a full resync it answers.
      ALTER TABLE rivulet.sync_manifests ADD COLUMN registry_id text, ADD COLUMN resync_since timestamptz;
      CREATE INDEX ON rivulet.sync_manifests (registry_id, epoch, sequence);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rivulet.sync_manifests DROP COLUMN registry_id, DROP COLUMN resync_since;
      DROP TABLE rivulet.device_removals, rivulet.devices`);
  }
}
