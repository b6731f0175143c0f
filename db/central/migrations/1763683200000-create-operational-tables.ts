import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Central's own tables, in the schema `rivulet`, apart from the data owner's. */
export class CreateOperationalTables1763683200000 implements MigrationInterface {
  name = 'CreateOperationalTables1763683200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Which life of this database it is: raised when it is restored from a backup, so that manifests made after
      -- the restore come after all that were made before it.
      CREATE TABLE rivulet.central_state (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        epoch     integer NOT NULL DEFAULT 1 CHECK (epoch > 0)
      );
      INSERT INTO rivulet.central_state DEFAULT VALUES;
      CREATE SEQUENCE rivulet.manifest_sequence;

      CREATE TABLE rivulet.signing_keys (
        thumbprint  text PRIMARY KEY,
        private_jwk jsonb NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        retired_at  timestamptz
      );
      CREATE UNIQUE INDEX one_active_signing_key ON rivulet.signing_keys ((true)) WHERE retired_at IS NULL;

      -- Contents of frames, chunks and patches alike, compressed as they are sent. Shared by all that have them.
      CREATE TABLE rivulet.chunks (
        digest        bytea PRIMARY KEY,
        rows          integer NOT NULL,
        content_bytes integer NOT NULL,
        encoding      text NOT NULL CHECK (encoding IN ('none', 'zstd')),
        block         bytea NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now()
      );
      -- Blocks are compressed already.
      ALTER TABLE rivulet.chunks ALTER COLUMN block SET STORAGE EXTERNAL;

      -- A dataset's rows for one scope. Known by content: two scopes with the same rows have the same snapshot.
      CREATE TABLE rivulet.snapshots (
        snapshot_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        checksum    text NOT NULL UNIQUE,
        dataset     text NOT NULL,
        rows        bigint NOT NULL,
        bytes       bigint NOT NULL,
        wire_bytes  bigint NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now()
      );
      -- No foreign key to chunks: its check would lock, and so rewrite, every chunk that a new snapshot shares.
      CREATE TABLE rivulet.snapshot_chunks (
        snapshot_id   bigint NOT NULL REFERENCES rivulet.snapshots ON DELETE CASCADE,
        position      integer NOT NULL,
        digest        bytea NOT NULL,
        content_bytes integer NOT NULL,
        last_key      text NOT NULL,
        PRIMARY KEY (snapshot_id, position)
      );
      CREATE INDEX ON rivulet.snapshot_chunks (digest);

      -- Which snapshot a query's result is, as long as nothing that it reads has changed: the key is the SHA-256 of
      -- the statement with its parameters in place, the stamp has the versions of the tables that it reads.
      CREATE TABLE rivulet.snapshot_cache (
        cache_key   bytea PRIMARY KEY,
        stamp       text NOT NULL,
        snapshot_id bigint NOT NULL REFERENCES rivulet.snapshots ON DELETE CASCADE,
        read_at     timestamptz NOT NULL DEFAULT now(),
        used_at     timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX ON rivulet.snapshot_cache (snapshot_id);

      -- What leads from one snapshot of a dataset to another, in frames.
      CREATE TABLE rivulet.snapshot_patches (
        base_snapshot_id bigint NOT NULL REFERENCES rivulet.snapshots ON DELETE CASCADE,
        snapshot_id      bigint NOT NULL REFERENCES rivulet.snapshots ON DELETE CASCADE,
        position         integer NOT NULL,
        digest           bytea NOT NULL,
        content_bytes    integer NOT NULL,
        PRIMARY KEY (base_snapshot_id, snapshot_id, position)
      );
      CREATE INDEX ON rivulet.snapshot_patches (snapshot_id);
      CREATE INDEX ON rivulet.snapshot_patches (digest);

      -- The story of a sync: what a device asked, what it was given, what it made of that.
      CREATE TABLE rivulet.sync_manifests (
        manifest_id    text PRIMARY KEY,
        request_id     text NOT NULL,
        device_id      text NOT NULL,
        mac_address    text NOT NULL,
        epoch          integer NOT NULL,
        sequence       bigint NOT NULL,
        schema_version text NOT NULL,
        document       text NOT NULL,
        issued_at      timestamptz NOT NULL,
        UNIQUE (epoch, sequence)
      );
      CREATE INDEX ON rivulet.sync_manifests (device_id, epoch, sequence);
      CREATE INDEX ON rivulet.sync_manifests (issued_at);
      CREATE TABLE rivulet.sync_manifest_tables (
        manifest_id text NOT NULL REFERENCES rivulet.sync_manifests ON DELETE CASCADE,
        position    integer NOT NULL,
        name        text NOT NULL,
        action      text NOT NULL CHECK (action IN ('keep', 'patch', 'load')),
        rows        bigint NOT NULL,
        bytes       bigint NOT NULL,
        checksum    text NOT NULL,
        -- NULL once the snapshot has been collected: the story stays, the payload is gone.
        snapshot_id bigint REFERENCES rivulet.snapshots ON DELETE SET NULL,
        -- What the device is to patch.
        base_snapshot_id bigint REFERENCES rivulet.snapshots ON DELETE SET NULL,
        PRIMARY KEY (manifest_id, position)
      );
      CREATE INDEX ON rivulet.sync_manifest_tables (snapshot_id);
      CREATE INDEX ON rivulet.sync_manifest_tables (base_snapshot_id);
      -- One row a request, but one for all in which a device was told that it is current with the same manifest:
      -- of such there are hundreds a day and device, and they say nothing new. The last of them is described.
      CREATE TABLE rivulet.sync_requests (
        id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        request_id       text NOT NULL,
        device_id        text NOT NULL,
        mac_address      text NOT NULL,
        last_manifest_id text,
        outcome          text NOT NULL CHECK (outcome IN ('current', 'update', 'failed')),
        manifest_id      text,
        error_code       text,
        received_at      timestamptz NOT NULL,
        last_received_at timestamptz NOT NULL,
        times_received   integer NOT NULL DEFAULT 1,
        duration_ms      integer NOT NULL
      ) WITH (fillfactor = 80);
      CREATE UNIQUE INDEX sync_requests_current ON rivulet.sync_requests (device_id, manifest_id)
        WHERE outcome = 'current';
      CREATE INDEX ON rivulet.sync_requests (device_id, received_at);
      CREATE INDEX ON rivulet.sync_requests (received_at);
      CREATE TABLE rivulet.sync_acknowledgements (
        manifest_id       text PRIMARY KEY REFERENCES rivulet.sync_manifests ON DELETE CASCADE,
        device_id         text NOT NULL,
        status            text NOT NULL CHECK (status IN ('applied', 'failed')),
        cycle_id          text NOT NULL,
        finished_at       timestamptz NOT NULL,
        duration_ms       integer NOT NULL,
        tables            jsonb NOT NULL,
        error_code        text,
        error_message     text,
        first_received_at timestamptz NOT NULL DEFAULT now(),
        last_received_at  timestamptz NOT NULL DEFAULT now(),
        times_received    integer NOT NULL DEFAULT 1
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE rivulet.sync_acknowledgements, rivulet.sync_requests, rivulet.sync_manifest_tables,
        rivulet.sync_manifests, rivulet.snapshot_patches, rivulet.snapshot_cache, rivulet.snapshot_chunks, rivulet.snapshots, rivulet.chunks, rivulet.signing_keys,
        rivulet.central_state;
      DROP SEQUENCE rivulet.manifest_sequence;
    `);
  }
}
