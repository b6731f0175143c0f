import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { CollectionTask } from '@rivulet/protocol';
import { escapeIdentifier, type PoolClient } from 'pg';
import { CollectionDatabase, relaxedCommit } from '../collection-database';
import { CollectionMetrics } from '../collection.metrics';
import { TARGET_SCHEMA } from '../definitions/collection-schema';
import type { RunOrder } from './collection-run';
import { DueRuns } from './due-runs';
import { failTask, type TaskFailure } from './fail-task';
import { RunSettler } from './run-settler';

/** A network that is not heard for so long has lost its task, and gets it again when it asks. */
const LEASE_SECONDS = 60;
/** Runs that are looked through for one that has room. */
const RUNS_LOOKED_AT = 16;
/** Places that others may have taken between two looks. */
const PLACES_TRIED = 3;

interface OpenTask {
  runId: string;
  jobId: string;
  schemaId: string;
  scheduledFor: Date | null;
  order: RunOrder;
}

/** A task that a network is working on. */
export interface ActiveTask extends OpenTask {
  deviceId: string;
  /** How often it was given out. */
  attempts: number;
  /** The network's offer; undefined before it has made one. */
  offer: StoredOffer | null;
  /** The watermark above which its rows begin; null where they are all. */
  beganAfter: string | null;
  /** When the rows are committed. */
  receipt: string | null;
  /** When its rows were read, where that was long before they came. */
  collectedAt: Date | null;
  isOver: boolean;
}

export interface StoredOffer {
  columns: { name: string; type: string }[];
  rows: number;
  bytes: number;
  digests: string;
  checksum: string;
}

/** A task that was given out. */
export interface TakenTask {
  task: CollectionTask;
  attempt: number;
  targetTable: string;
}

/** The tasks of networks: who asks gets one, at most so many of one run at once. */
@Injectable()
export class TaskQueue {
  constructor(
    private readonly database: CollectionDatabase,
    private readonly settler: RunSettler,
    private readonly due: DueRuns,
    private readonly metrics: CollectionMetrics,
  ) {}

  /**
   * The task that a network has lost, or else its oldest whose run has room. A run whose networks are slow holds up no other run.
   *
   * @param admit - refuses the network by throwing; not asked when there is no task, as most calls find none
   */
  async take(deviceId: string, admit: () => Promise<void>): Promise<TakenTask | undefined> {
    const waiting = await this.database.rows<OpenTask>(
      `SELECT run_id AS "runId", job_id AS "jobId", schema_id AS "schemaId", "order", scheduled_for AS "scheduledFor"
       FROM rivulet.collection_tasks AS task
       JOIN rivulet.collection_runs AS run USING (run_id)
       WHERE device_id = $1 AND run.state = 'running' AND NOT is_kept AND deadline_at > clock_timestamp()
         AND (task.state = 'waiting' OR task.state = 'active' AND lease_until <= clock_timestamp())
         -- Without a lock: most of those that ask while a run is full get no further.
         AND (SELECT count(*) FROM rivulet.collection_tasks AS other
              WHERE other.run_id = run.run_id AND other.state = 'active'
                AND other.lease_until > clock_timestamp()) < run.max_parallel
       ORDER BY task.state, run_id LIMIT ${RUNS_LOOKED_AT}`,
      [deviceId],
    );
    if (waiting.length > 0) await admit();
    for (const task of waiting) {
      const attempt = await this.database.transaction((client) => lease(client, task.runId, deviceId));
      if (attempt === undefined) continue;
      return { task: await this.describe(task, deviceId), attempt, targetTable: task.order.targetTable };
    }
    return undefined;
  }

  /**
   * The task of a network, whose lease begins again.
   *
   * @throws RivuletError COLLECTION_RUN_UNKNOWN
   */
  async find(runId: string, deviceId: string): Promise<ActiveTask> {
    const [task] = await this.database.rows<ActiveTask>(
      `WITH relaxed AS MATERIALIZED (${relaxedCommit})
       UPDATE rivulet.collection_tasks AS task SET
         lease_until = CASE WHEN task.state = 'active' THEN clock_timestamp() + interval '${LEASE_SECONDS} s' END
       FROM rivulet.collection_runs AS run, relaxed
       WHERE task.run_id = $1 AND device_id = $2 AND run.run_id = $1
       RETURNING task.run_id AS "runId", device_id AS "deviceId", job_id AS "jobId", schema_id AS "schemaId", "order",
         scheduled_for AS "scheduledFor", attempts, offer, began_after AS "beganAfter", collected_at AS "collectedAt", receipt, task.state <> 'active' AS "isOver"`,
      [runId, deviceId],
    );
    if (task !== undefined) return task;
    throw new RivuletError('COLLECTION_RUN_UNKNOWN', `The network has no part in a run ${runId}.`);
  }

  /** @throws RivuletError COLLECTION_RUN_UNKNOWN · COLLECTION_RUN_OVER */
  async findActive(runId: string, deviceId: string): Promise<ActiveTask> {
    return requireActive(await this.find(runId, deviceId));
  }

  /** For networks that are at work without calling. @returns those whose task goes on */
  async renew(tasks: readonly { runId: string; deviceId: string }[]): Promise<string[]> {
    const renewed = await this.database.rows<{ deviceId: string }>(
      `UPDATE rivulet.collection_tasks AS task SET lease_until = clock_timestamp() + interval '${LEASE_SECONDS} s'
       FROM unnest($1::text[], $2::text[]) AS at_work (run_id, device_id)
       WHERE task.run_id = at_work.run_id AND task.device_id = at_work.device_id AND state = 'active'
       RETURNING task.device_id AS "deviceId"`,
      [tasks.map(({ runId }) => runId), tasks.map(({ deviceId }) => deviceId)],
    );
    return renewed.map(({ deviceId }) => deviceId);
  }

  /** @param sentBytes - what it took to say so */
  async noteOffer(runId: string, deviceId: string, offer: StoredOffer, sentBytes: number): Promise<void> {
    await this.database.rows(
      `UPDATE rivulet.collection_tasks SET offer = $3, rows = $4, bytes = $5, digest = $6,
         sent_bytes = sent_bytes + $7
       WHERE run_id = $1 AND device_id = $2 AND state = 'active'`,
      [runId, deviceId, JSON.stringify(offer), offer.rows, offer.bytes, offer.checksum, sentBytes],
    );
  }

  /** Counts what an agent sends before it has made an offer. */
  async noteSent(runId: string, deviceId: string, rows: number, bytes: number): Promise<void> {
    await this.database.rows(
      `UPDATE rivulet.collection_tasks SET rows = rows + $3, bytes = bytes + $4, sent_bytes = sent_bytes + $4
       WHERE run_id = $1 AND device_id = $2 AND state = 'active'`,
      [runId, deviceId, rows, bytes],
    );
  }

  /** While the query runs, before there is an offer. */
  async noteProgress(runId: string, deviceId: string, rows: number, bytes: number): Promise<void> {
    await this.database.rows(
      `UPDATE rivulet.collection_tasks SET rows = $3, bytes = $4
       WHERE run_id = $1 AND device_id = $2 AND state = 'active' AND offer IS NULL`,
      [runId, deviceId, rows, bytes],
    );
  }

  /** A failure that only a change of the schema or of the target mends holds the network in its job. */
  async fail(runId: string, deviceId: string, failure: TaskFailure, isHeld: boolean): Promise<void> {
    const failed = await this.database.transaction(async (client) => {
      if (!(await failTask(client, runId, deviceId, failure))) return false;
      if (isHeld) await hold(client, runId, deviceId, failure);
      return true;
    });
    if (!failed) return;
    await this.settler.settle(runId);
    this.metrics.tasks.inc({ result: failure.code });
    this.due.noticed();
  }

  private async describe(open: OpenTask, deviceId: string): Promise<CollectionTask> {
    const { runId, jobId, schemaId, order, scheduledFor } = open;
    const { name, sqlCommand: query, mode, key, watermarkColumn: column, overlap } = order;
    const task = { runId, name, query, mode, key, watermark: [] };
    if (mode === 'snapshot')
      return scheduledFor === null ? task : { ...task, jobId, scheduledFor: scheduledFor.toISOString() };
    if (mode === 'mirror') {
      const [position] = await this.database.rows<{ checksum: string | null }>(
        'SELECT checksum FROM rivulet.collection_positions WHERE schema_id = $1 AND device_id = $2',
        [schemaId, deviceId],
      );
      const base = position?.checksum ?? undefined;
      return { ...task, ...(base !== undefined && { base }) };
    }
    const after = await this.beginAfter(runId, deviceId, order.targetTable);
    return { ...task, watermark: [{ column: column!, overlap, ...(after !== null && { after }) }] };
  }

  /** Notes where the rows of a task begin: above those that are there, and at nothing where the target table is gone. */
  private async beginAfter(runId: string, deviceId: string, targetTable: string): Promise<string | null> {
    const [task] = await this.database.rows<{ beganAfter: string | null }>(
      `UPDATE rivulet.collection_tasks AS task SET began_after = (
         SELECT watermark FROM rivulet.collection_runs AS run
         JOIN rivulet.collection_positions AS position ON position.schema_id = run.schema_id
         WHERE run.run_id = $1 AND position.device_id = $2 AND to_regclass($3) IS NOT NULL)
       WHERE task.run_id = $1 AND task.device_id = $2 RETURNING began_after AS "beganAfter"`,
      [runId, deviceId, `${TARGET_SCHEMA}.${escapeIdentifier(targetTable)}`],
    );
    return task!.beganAfter;
  }
}

/** @throws RivuletError COLLECTION_RUN_OVER */
export function requireActive(task: ActiveTask): ActiveTask {
  if (!task.isOver) return task;
  throw new RivuletError(
    'COLLECTION_RUN_OVER',
    `The network is done with run ${task.runId}, or it was cancelled.`,
  );
}

/**
 * A place of a run that nobody works on. The lock lasts as long as the transaction, and is never waited for: of two networks
 * that ask at once each tries the next place.
 */
const takePlace = `
SELECT place FROM (
  SELECT place FROM rivulet.collection_runs, generate_series(1, max_parallel) AS place
  WHERE run_id = $1 AND NOT EXISTS (
    SELECT FROM rivulet.collection_tasks AS other
    WHERE other.run_id = $1 AND other.device_id <> $2 AND other.state = 'active' AND other.place = place.place
      AND other.lease_until > clock_timestamp())
  OFFSET 0) AS free
WHERE pg_try_advisory_xact_lock(hashtextextended('rivulet place ' || place || ' ' || $1, 0)) LIMIT 1`;

/** Looks again, now that nobody else can take the place. */
const leasePlace = `
UPDATE rivulet.collection_tasks AS task SET state = 'active', attempts = attempts + 1, offer = NULL, place = $3, collected_at = NULL,
  lease_until = clock_timestamp() + interval '${LEASE_SECONDS} s',
  started_at = coalesce(task.started_at, clock_timestamp())
FROM rivulet.collection_runs AS run
WHERE task.run_id = $1 AND device_id = $2 AND run.run_id = $1 AND run.state = 'running'
  AND (task.state = 'waiting' OR task.state = 'active' AND lease_until <= clock_timestamp())
  AND NOT EXISTS (
    SELECT FROM rivulet.collection_tasks AS other
    WHERE other.run_id = $1 AND other.device_id <> $2 AND other.state = 'active' AND other.place = $3
      AND other.lease_until > clock_timestamp())
RETURNING attempts`;

/**
 * Waits for no other network.
 *
 * @returns how often the task was given out; undefined when it cannot be had
 */
export async function lease(
  client: PoolClient,
  runId: string,
  deviceId: string,
): Promise<number | undefined> {
  for (let tries = 1; tries <= PLACES_TRIED; tries++) {
    const free = await client.query<{ place: number }>(takePlace, [runId, deviceId]);
    if (free.rows[0] === undefined) return undefined;
    const leased = await client.query<{ attempts: number }>(leasePlace, [
      runId,
      deviceId,
      free.rows[0].place,
    ]);
    if (leased.rows[0] !== undefined) return leased.rows[0].attempts;
  }
  return undefined;
}

async function hold(
  client: PoolClient,
  runId: string,
  deviceId: string,
  failure: TaskFailure,
): Promise<void> {
  await client.query(
    `INSERT INTO rivulet.collection_holds (job_id, device_id, error_code, error_message)
     SELECT job_id, $2, $3, $4 FROM rivulet.collection_runs JOIN rivulet.collection_jobs USING (job_id)
     WHERE run_id = $1
     ON CONFLICT (job_id, device_id) DO UPDATE SET error_code = $3, error_message = $4, held_at = now()`,
    [runId, deviceId, failure.code, failure.message.slice(0, 2_000)],
  );
}
