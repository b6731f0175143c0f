import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The edge's own tables, in the schema `rivulet`; mirrors live in others. */
export class CreateSyncTables1763683200000 implements MigrationInterface {
  name = 'CreateSyncTables1763683200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- What has been applied last. Written in the transaction that applies it.
      CREATE TABLE rivulet.edge_sync_state (
        singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        mac_address    text NOT NULL,
        manifest_id    text NOT NULL,
        epoch          integer NOT NULL,
        sequence       bigint NOT NULL,
        schema_version text NOT NULL,
        central_key    text NOT NULL,
        applied_at     timestamptz NOT NULL
      );

      -- What each mirror holds. Written in the transaction that fills it.
      CREATE TABLE rivulet.edge_sync_tables (
        name        text PRIMARY KEY,
        schema_name text NOT NULL,
        table_name  text NOT NULL,
        columns     jsonb NOT NULL,
        key         jsonb NOT NULL,
        fingerprint text NOT NULL,
        checksum    text NOT NULL,
        rows        bigint NOT NULL,
        bytes       bigint NOT NULL,
        grants      jsonb NOT NULL,
        on_remove   text NOT NULL CHECK (on_remove IN ('keep', 'drop')),
        manifest_id text NOT NULL,
        loaded_at   timestamptz NOT NULL
      );

      -- The chunks of which each mirror consists, in order. Written in the transaction that changes it.
      CREATE TABLE rivulet.edge_mirror_chunks (
        name      text NOT NULL,
        position  integer NOT NULL,
        digest    bytea NOT NULL,
        rows      integer NOT NULL,
        bytes     integer NOT NULL,
        first_key text NOT NULL,
        last_key  text NOT NULL,
        PRIMARY KEY (name, position)
      );

      -- One row for each finished cycle; for a manifest that was applied, written in the same transaction.
      CREATE TABLE rivulet.edge_sync_log (
        id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        cycle_id        text NOT NULL UNIQUE,
        trigger         text NOT NULL CHECK (trigger IN ('start', 'schedule', 'operator', 'repair')),
        status          text NOT NULL CHECK (status IN ('applied', 'current', 'failed')),
        manifest_id     text,
        epoch           integer,
        sequence        bigint,
        started_at      timestamptz NOT NULL,
        finished_at     timestamptz NOT NULL,
        durations       jsonb NOT NULL,
        wire_bytes      bigint NOT NULL,
        tables          jsonb NOT NULL,
        error           jsonb,
        acknowledged_at timestamptz
      );
      CREATE UNIQUE INDEX edge_sync_log_applied_once ON rivulet.edge_sync_log (manifest_id) WHERE status = 'applied';

      -- One row for each finished scrub.
      CREATE TABLE rivulet.edge_scrub_log (
        id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        verification_id text NOT NULL UNIQUE,
        trigger         text NOT NULL CHECK (trigger IN ('schedule', 'operator')),
        status          text NOT NULL CHECK (status IN ('intact', 'deviating', 'repaired', 'failed')),
        started_at      timestamptz NOT NULL,
        finished_at     timestamptz NOT NULL,
        duration_ms     integer NOT NULL,
        tables          jsonb NOT NULL,
        repair          jsonb,
        error           jsonb
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE rivulet.edge_scrub_log, rivulet.edge_sync_log, rivulet.edge_mirror_chunks,
        rivulet.edge_sync_tables, rivulet.edge_sync_state;
    `);
  }
}
