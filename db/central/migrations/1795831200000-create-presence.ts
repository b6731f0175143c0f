import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which processes of central run, and which devices are connected to each. */
export class CreatePresence1795831200000 implements MigrationInterface {
  name = 'CreatePresence1795831200000';

  /** Unlogged: each process writes what it has again when its row is gone. */
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE UNLOGGED TABLE rivulet.central_processes (
        process_id  text PRIMARY KEY,
        host        text NOT NULL,
        started_at  timestamptz NOT NULL,
        -- A process that is killed does not say so: after this time it counts as gone, with its connections.
        alive_until timestamptz NOT NULL,
        report      jsonb NOT NULL
      ) WITH (fillfactor = 50);

      CREATE UNLOGGED TABLE rivulet.device_connections (
        device_id    text PRIMARY KEY,
        process_id   text NOT NULL REFERENCES rivulet.central_processes ON DELETE CASCADE,
        transport    text NOT NULL,
        connected_at timestamptz NOT NULL
      );
      CREATE INDEX ON rivulet.device_connections (process_id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rivulet.device_connections, rivulet.central_processes');
  }
}
