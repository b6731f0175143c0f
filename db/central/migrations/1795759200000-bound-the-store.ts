import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What central needs to notice that a part of its store is lost, and to keep only what devices have or will be sent. */
export class BoundTheStore1795759200000 implements MigrationInterface {
  name = 'BoundTheStore1795759200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- All frames of the payload, and of the patch: fewer of them mean that some are lost. NULL in rows that were
      -- there before.
      ALTER TABLE rivulet.sync_manifests ADD COLUMN frame_count integer;
      ALTER TABLE rivulet.snapshot_patches ADD COLUMN frame_count integer,
        ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();

      -- Rows come and go all the time: their room is to be found again soon, before the files grow.
      ALTER TABLE rivulet.chunks SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 200,
        autovacuum_vacuum_cost_delay = 0, toast.autovacuum_vacuum_scale_factor = 0.05,
        toast.autovacuum_vacuum_threshold = 1000, toast.autovacuum_vacuum_cost_delay = 0);
      ALTER TABLE rivulet.snapshot_chunks SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rivulet.chunks RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
        autovacuum_vacuum_cost_delay, toast.autovacuum_vacuum_scale_factor, toast.autovacuum_vacuum_threshold,
        toast.autovacuum_vacuum_cost_delay);
      ALTER TABLE rivulet.snapshot_chunks RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
        autovacuum_vacuum_cost_delay);
      ALTER TABLE rivulet.sync_manifests DROP COLUMN frame_count;
      ALTER TABLE rivulet.snapshot_patches DROP COLUMN frame_count, DROP COLUMN created_at;
    `);
  }
}
