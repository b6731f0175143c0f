import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Central may ask for a cycle. */
export class AllowNudgedCycles1795770000000 implements MigrationInterface {
  name = 'AllowNudgedCycles1795770000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rivulet.edge_sync_log DROP CONSTRAINT edge_sync_log_trigger_check,
        ADD CONSTRAINT edge_sync_log_trigger_check
          CHECK (trigger IN ('start', 'schedule', 'operator', 'repair', 'nudge'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE rivulet.edge_sync_log SET trigger = 'schedule' WHERE trigger = 'nudge';
      ALTER TABLE rivulet.edge_sync_log DROP CONSTRAINT edge_sync_log_trigger_check,
        ADD CONSTRAINT edge_sync_log_trigger_check CHECK (trigger IN ('start', 'schedule', 'operator', 'repair'))`);
  }
}
