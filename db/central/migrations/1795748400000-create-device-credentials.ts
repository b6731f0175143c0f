import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How devices prove who they are. */
export class CreateDeviceCredentials1795748400000 implements MigrationInterface {
  name = 'CreateDeviceCredentials1795748400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- What devices call this central, whichever process and key it has: the audience of their assertions.
      ALTER TABLE rivulet.central_state ADD COLUMN central_id text NOT NULL DEFAULT gen_random_uuid()::text;

      -- What buys a new device a place in the registry.
      CREATE TABLE rivulet.enrolment_tokens (
        token_id       text PRIMARY KEY,
        -- SHA-256: the token itself is shown once, to whoever makes it.
        token_digest   bytea NOT NULL UNIQUE,
        kind           text NOT NULL CHECK (kind IN ('edge', 'agent')),
        uses           integer NOT NULL CHECK (uses > 0),
        uses_left      integer NOT NULL CHECK (uses_left BETWEEN 0 AND uses),
        -- The only device that may use it; or the labels that devices get by it.
        mac_address    text,
        labels         jsonb NOT NULL DEFAULT '{}',
        needs_approval boolean NOT NULL,
        created_by     text NOT NULL,
        created_at     timestamptz NOT NULL DEFAULT now(),
        expires_at     timestamptz NOT NULL,
        revoked_at     timestamptz
      );
      CREATE INDEX ON rivulet.enrolment_tokens (created_at, token_id);

      CREATE TABLE rivulet.device_keys (
        thumbprint   text PRIMARY KEY,
        device_id    text NOT NULL REFERENCES rivulet.devices ON DELETE CASCADE,
        public_jwk   jsonb NOT NULL,
        -- next: takes the place of the active one when it is used first
        status       text NOT NULL CHECK (status IN ('active', 'next', 'retired')),
        -- Central's signed word that this key is the device's.
        statement    text,
        last_counter bigint NOT NULL DEFAULT 0,
        created_at   timestamptz NOT NULL DEFAULT now(),
        retired_at   timestamptz
      );
      CREATE INDEX ON rivulet.device_keys (device_id);
      CREATE UNIQUE INDEX one_active_device_key ON rivulet.device_keys (device_id) WHERE status = 'active';
      CREATE UNIQUE INDEX one_next_device_key ON rivulet.device_keys (device_id) WHERE status = 'next';

      -- The latest assertions of each key. A number that comes twice, with two ids, is that of two devices.
      CREATE TABLE rivulet.device_assertions (
        thumbprint  text NOT NULL REFERENCES rivulet.device_keys ON DELETE CASCADE,
        counter     bigint NOT NULL,
        jti         text NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (thumbprint, counter)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE rivulet.device_assertions, rivulet.device_keys, rivulet.enrolment_tokens;
      ALTER TABLE rivulet.central_state DROP COLUMN central_id`);
  }
}
