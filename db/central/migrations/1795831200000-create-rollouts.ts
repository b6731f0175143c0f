import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Versions that go to the fleet in stages. */
export class CreateRollouts1795831200000 implements MigrationInterface {
  name = 'CreateRollouts1795831200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.rollouts (
        rollout_id       text PRIMARY KEY,
        -- Of what: a kind, and a name within it.
        kind             text NOT NULL,
        subject          text NOT NULL,
        version          integer NOT NULL,
        -- What devices get again after an abort; null where there was nothing before.
        previous_version integer,
        comment          text,
        plan             json NOT NULL,
        status           text NOT NULL CHECK (status IN ('running', 'paused', 'completed', 'aborted')),
        stage            integer NOT NULL DEFAULT 0,
        -- Of each stage that has begun: devices whose bucket is lower are reached.
        bounds           json NOT NULL DEFAULT '[]',
        began_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
        since            timestamptz NOT NULL DEFAULT clock_timestamp(),
        reason           text,
        detail           text,
        -- What happened, the last 100.
        events           json NOT NULL DEFAULT '[]',
        -- How its devices were when it ended.
        outcome          json,
        created_by       text NOT NULL,
        created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
        finished_at      timestamptz,
        next_look_at     timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE UNIQUE INDEX one_active_rollout ON rivulet.rollouts (kind, subject) WHERE status IN ('running', 'paused');
      CREATE INDEX ON rivulet.rollouts (next_look_at) WHERE status = 'running';
      CREATE INDEX ON rivulet.rollouts (kind, subject, rollout_id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rivulet.rollouts');
  }
}
