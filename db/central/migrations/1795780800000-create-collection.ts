import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Schemas, jobs and runs: what central collects from its networks. The rows themselves are in the schema `collected`. */
export class CreateCollection1795780800000 implements MigrationInterface {
  name = 'CreateCollection1795780800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE rivulet.collection_schemas (
        schema_id        text PRIMARY KEY,
        name             text NOT NULL,
        sql_command      text NOT NULL,
        target_table     text NOT NULL CONSTRAINT collection_schemas_target UNIQUE,
        mode             text NOT NULL CHECK (mode IN ('mirror', 'append', 'snapshot')),
        key              text[] NOT NULL,
        watermark_column text CHECK ((mode = 'append') = (watermark_column IS NOT NULL)),
        overlap          bigint NOT NULL,
        created_at       timestamptz NOT NULL DEFAULT now(),
        updated_at       timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE rivulet.collection_jobs (
        job_id           text PRIMARY KEY,
        name             text NOT NULL,
        schema_id        text NOT NULL REFERENCES rivulet.collection_schemas,
        network_ids      text[],
        labels           jsonb,
        cron             text,
        time_zone        text NOT NULL,
        overlap          text NOT NULL CHECK (overlap IN ('skip', 'queue')),
        misfire          text NOT NULL CHECK (misfire IN ('run_once', 'skip')),
        jitter_seconds   integer NOT NULL,
        deadline_seconds integer NOT NULL,
        max_parallel     integer NOT NULL,
        enabled          boolean NOT NULL,
        -- The scheduled time of the next run, and that time with its jitter.
        next_slot_at     timestamptz,
        next_run_at      timestamptz,
        skipped          bigint NOT NULL DEFAULT 0,
        created_at       timestamptz NOT NULL DEFAULT now(),
        updated_at       timestamptz NOT NULL DEFAULT now(),
        CHECK ((network_ids IS NULL) <> (labels IS NULL))
      )`);
    await runner.query(
      'CREATE INDEX collection_jobs_due ON rivulet.collection_jobs (next_run_at) WHERE enabled',
    );
    await runner.query('CREATE INDEX collection_jobs_schema ON rivulet.collection_jobs (schema_id)');
    // The jobs of one network.
    await runner.query(
      'CREATE INDEX collection_jobs_networks ON rivulet.collection_jobs USING gin (network_ids)',
    );
    // A run outlives its job: it says what was asked for by itself.
    await runner.query(`
      CREATE TABLE rivulet.collection_runs (
        run_id        text PRIMARY KEY,
        job_id        text NOT NULL,
        schema_id     text NOT NULL,
        cause         text NOT NULL CHECK (cause IN ('schedule', 'manual', 'retry')),
        state         text NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled')),
        "order"       jsonb NOT NULL,
        max_parallel  integer NOT NULL,
        scheduled_for timestamptz,
        deadline_at   timestamptz NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        started_at    timestamptz,
        finished_at   timestamptz,
        -- Of a run that is over: its networks by state, rows and bytes.
        totals        jsonb,
        -- Whether its topic has its end.
        is_told       boolean NOT NULL DEFAULT false,
        -- Its networks bring rows that they read while they were away. It is in no other run's way.
        is_kept       boolean NOT NULL DEFAULT false,
        CONSTRAINT collection_runs_slot UNIQUE (job_id, scheduled_for)
      )`);
    await runner.query(
      'CREATE INDEX collection_runs_of_job ON rivulet.collection_runs (job_id, run_id DESC)',
    );
    await runner.query(
      `CREATE INDEX collection_runs_open ON rivulet.collection_runs (deadline_at) WHERE state IN ('queued', 'running')`,
    );
    await runner.query(
      'CREATE INDEX collection_runs_untold ON rivulet.collection_runs (run_id) WHERE NOT is_told',
    );
    await runner.query(`
      CREATE TABLE rivulet.collection_tasks (
        run_id        text NOT NULL REFERENCES rivulet.collection_runs ON DELETE CASCADE,
        device_id     text NOT NULL,
        state         text NOT NULL CHECK (state IN ('waiting', 'active', 'succeeded', 'failed', 'cancelled')),
        attempts      integer NOT NULL DEFAULT 0,
        lease_until   timestamptz,
        -- While it is active: which of the places of its run it has.
        place         integer,
        rows          bigint NOT NULL DEFAULT 0,
        bytes         bigint NOT NULL DEFAULT 0,
        sent_bytes    bigint NOT NULL DEFAULT 0,
        digest        text,
        error_code    text,
        error_message text,
        next_step     text,
        -- What the network offers: columns, key and the digests of its chunks.
        offer         jsonb,
        receipt       text,
        -- The watermark that it was given, above which its rows begin.
        began_after   text,
        -- When its rows were read, where that was before they came.
        collected_at  timestamptz,
        started_at    timestamptz,
        finished_at   timestamptz,
        PRIMARY KEY (run_id, device_id)
      )`);
    await runner.query(`
      CREATE INDEX collection_tasks_open ON rivulet.collection_tasks (device_id, run_id)
      WHERE state IN ('waiting', 'active')`);
    await runner.query(
      `CREATE INDEX collection_tasks_open_of_run ON rivulet.collection_tasks (run_id)
       WHERE state IN ('waiting', 'active')`,
    );
    await runner.query(
      `CREATE INDEX collection_tasks_active ON rivulet.collection_tasks (run_id) WHERE state = 'active'`,
    );
    await runner.query(`
      CREATE TABLE rivulet.collection_holds (
        job_id        text NOT NULL REFERENCES rivulet.collection_jobs ON DELETE CASCADE,
        device_id     text NOT NULL,
        error_code    text NOT NULL,
        error_message text NOT NULL,
        held_at       timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (job_id, device_id)
      )`);
    // Chunks that have arrived and are not applied. Lost in a crash of PostgreSQL, after which they are sent again.
    await runner.query(`
      CREATE UNLOGGED TABLE rivulet.collection_chunks (
        run_id        text NOT NULL,
        device_id     text NOT NULL,
        position      integer NOT NULL,
        digest        bytea NOT NULL,
        rows          integer NOT NULL,
        content_bytes integer NOT NULL,
        encoding      text NOT NULL,
        block         bytea NOT NULL,
        PRIMARY KEY (run_id, device_id, position)
      );
      -- The blocks are compressed.
      ALTER TABLE rivulet.collection_chunks ALTER COLUMN block SET STORAGE EXTERNAL`);
    // How far a network is: the list of chunks of a mirror, the highest watermark of an append.
    await runner.query(`
      CREATE TABLE rivulet.collection_positions (
        schema_id   text NOT NULL,
        device_id   text NOT NULL,
        fingerprint text,
        chunks      bytea,
        -- Of the chunks, by which the network knows what it has sent.
        checksum    text,
        watermark   text,
        run_id      text,
        applied_at  timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (schema_id, device_id)
      )`);
    await runner.query(`
      CREATE TABLE rivulet.collection_usage (
        device_id text NOT NULL,
        day       date NOT NULL,
        rows      bigint NOT NULL DEFAULT 0,
        bytes     bigint NOT NULL DEFAULT 0,
        -- Runs that it had kept while it was away.
        kept      integer NOT NULL DEFAULT 0,
        PRIMARY KEY (device_id, day)
      )`);
    // DATA messages that were taken: each has one effect. The content goes once the rows are applied.
    await runner.query(`
      CREATE TABLE rivulet.collection_messages (
        device_id   text NOT NULL,
        message_id  text NOT NULL,
        run_id      text NOT NULL,
        attempt     integer NOT NULL,
        part        integer NOT NULL,
        is_last     boolean NOT NULL,
        columns     jsonb,
        content     text,
        received_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (device_id, message_id),
        CONSTRAINT collection_messages_part UNIQUE (run_id, device_id, attempt, part)
      )`);
    await runner.query('CREATE INDEX collection_messages_age ON rivulet.collection_messages (received_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of [
      'messages',
      'usage',
      'positions',
      'chunks',
      'holds',
      'tasks',
      'runs',
      'jobs',
      'schemas',
    ])
      await runner.query(`DROP TABLE rivulet.collection_${name}`);
  }
}
