import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was published to topics, and where each topic stands. */
export class CreateRealtime1795773600000 implements MigrationInterface {
  name = 'CreateRealtime1795773600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.realtime_store (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        -- With the epoch of central_state, the epoch of all positions.
        id        text NOT NULL DEFAULT left(replace(gen_random_uuid()::text, '-', ''), 12),
        -- The position of every topic without a row: at least that of each topic whose row was removed.
        floor     bigint NOT NULL DEFAULT 0,
        -- The same for the topics of users and of the broadcast.
        own_floor bigint NOT NULL DEFAULT 0
      );
      INSERT INTO rivulet.realtime_store DEFAULT VALUES;

      CREATE TABLE rivulet.realtime_topics (
        topic        text COLLATE "C" PRIMARY KEY,
        -- Of the last message, whether it is still there or not.
        position     bigint NOT NULL,
        published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        kept_size    integer NOT NULL DEFAULT 0,
        kept_ms      bigint NOT NULL DEFAULT 0
      ) WITH (fillfactor = 70);

      CREATE TABLE rivulet.realtime_messages (
        topic        text COLLATE "C" NOT NULL,
        position     bigint NOT NULL,
        id           text NOT NULL,
        data         text NOT NULL,
        -- The user who sent it, if it was a client.
        sender       text,
        published_at timestamptz NOT NULL,
        PRIMARY KEY (topic, position)
      );

      CREATE TABLE rivulet.realtime_keys (
        key          text COLLATE "C" PRIMARY KEY,
        -- SHA-256 of topic and data.
        digest       text NOT NULL,
        position     bigint,
        message_id   text,
        published_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      COMMENT ON TABLE rivulet.realtime_keys IS 'Idempotency keys of what was published, for a day.';
      CREATE INDEX ON rivulet.realtime_keys (published_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE rivulet.realtime_keys, rivulet.realtime_messages, rivulet.realtime_topics, rivulet.realtime_store',
    );
  }
}
