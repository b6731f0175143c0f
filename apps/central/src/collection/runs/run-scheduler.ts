import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import type { PoolClient } from 'pg';
import { monotonicFactory } from 'ulid';
import { CollectionDatabase, statementsOf } from '../collection-database';
import { CollectionMetrics } from '../collection.metrics';
import { nextSlot, type CollectionJob } from '../definitions/collection-job';
import { jobColumns } from '../definitions/job-store';
import { SchemaStore } from '../definitions/schema-store';
import { orderOf } from './collection-run';
import { createRun, countOpenRuns } from './create-run';
import { RunStarter } from './run-starter';
import { DueRuns } from './due-runs';
import { failTask } from './fail-task';
import { RunSettler } from './run-settler';

const EVERY_MS = 1_000;
/** Later than this a run counts as missed: no central was running. */
const MISFIRE_AFTER_MS = 60_000;
/** Runs of one job that may wait behind the one that goes on. */
const QUEUED_MAX = 10;
/** Tasks that one look may end. */
const EXPIRED_AT_ONCE = 200;
/** A network that takes a task so often and falls silent each time is given up. */
const ATTEMPTS_MAX = 5;

const isDue = 'enabled AND next_run_at <= clock_timestamp()';

type DueJob = CollectionJob & { slotAt: Date; now: Date };

/**
 * Starts the runs that are due. Each central looks each second; the row of a job is locked while one of them starts its
 * run, the others pass it over, and there is one run for each time of a schedule.
 */
@Injectable()
export class RunScheduler {
  private readonly logger = new Logger('Collection');
  private readonly nextUlid = monotonicFactory();
  private readonly looking = new Coalesced(() => this.look());

  constructor(
    private readonly database: CollectionDatabase,
    private readonly schemas: SchemaStore,
    private readonly starter: RunStarter,
    private readonly settler: RunSettler,
    private readonly due: DueRuns,
    private readonly metrics: CollectionMetrics,
  ) {}

  @Interval('collection schedule', EVERY_MS)
  async lookInBackground(): Promise<void> {
    try {
      await this.looking.run();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Due runs were not started: ${message}`);
    }
  }

  async look(): Promise<void> {
    let started = false;
    // Nearly always there is none, and a transaction takes three statements.
    while ((await this.hasDue()) && (await this.startOne())) started = true;
    if (started) await this.due.announce();
    while (await this.expire());
    await this.settler.settleAll();
  }

  private async hasDue(): Promise<boolean> {
    const found = await this.database.rows(`SELECT FROM rivulet.collection_jobs WHERE ${isDue} LIMIT 1`);
    return found.length > 0;
  }

  /** @returns whether there was one */
  private async startOne(): Promise<boolean> {
    return this.database.transaction(async (client) => {
      const { rows } = await client.query<DueJob>(
        `SELECT ${jobColumns}, next_slot_at AS "slotAt", clock_timestamp() AS now FROM rivulet.collection_jobs
         WHERE ${isDue} ORDER BY next_run_at
         LIMIT 1 FOR UPDATE SKIP LOCKED`,
      );
      const [job] = rows;
      if (job === undefined) return false;
      await this.plan(client, job);
      const outcome = await this.begin(client, job);
      if (outcome === 'started') this.metrics.runs.inc({ cause: 'schedule' });
      else await this.skip(client, job, outcome);
      return true;
    });
  }

  /** The next time of the schedule after now: of many that were missed one counts at most. */
  private async plan(
    client: PoolClient,
    { jobId, cron, timeZone, jitterSeconds, now }: DueJob,
  ): Promise<void> {
    const slot = cron === null ? null : nextSlot(cron, timeZone, now);
    const runAt = slot && new Date(slot.getTime() + Math.random() * jitterSeconds * 1_000);
    await client.query(
      'UPDATE rivulet.collection_jobs SET next_slot_at = $2, next_run_at = $3 WHERE job_id = $1',
      [jobId, slot, runAt],
    );
  }

  /** @returns why not, if it did not */
  private async begin(client: PoolClient, job: DueJob): Promise<'started' | 'missed' | 'overlap' | 'empty'> {
    const lateMs = job.now.getTime() - (job.nextRunAt ?? job.slotAt).getTime();
    if (job.misfire === 'skip' && lateMs > MISFIRE_AFTER_MS) return 'missed';
    const open = await countOpenRuns(statementsOf(client), job.jobId);
    if (open > (job.overlap === 'skip' ? 0 : QUEUED_MAX)) return 'overlap';
    const held = await client.query<{ id: string }>(
      'SELECT device_id AS id FROM rivulet.collection_holds WHERE job_id = $1',
      [job.jobId],
    );
    const heldIds = new Set(held.rows.map(({ id }) => id));
    const networkIds = (await this.starter.networksOf(job)).filter((id) => !heldIds.has(id));
    if (networkIds.length === 0) return 'empty';
    const order = orderOf(await this.schemas.get(job.schemaId));
    const run = { ...job, runId: this.nextUlid(), cause: 'schedule' as const, order, networkIds };
    await createRun(statementsOf(client), { ...run, scheduledFor: job.slotAt });
    return 'started';
  }

  private async skip(client: PoolClient, { jobId, name }: DueJob, reason: string): Promise<void> {
    await client.query('UPDATE rivulet.collection_jobs SET skipped = skipped + 1 WHERE job_id = $1', [jobId]);
    this.metrics.skippedRuns.inc({ reason });
    this.logger.log({ jobId, reason }, `A scheduled run of job ${name} was left out: ${reason}`);
  }

  /** Ends tasks whose deadline has passed, or whose network was silent too often. @returns whether there may be more */
  private async expire(): Promise<boolean> {
    const overdue = await this.database.rows<{ runId: string; deviceId: string; isLate: boolean }>(
      `SELECT run_id AS "runId", device_id AS "deviceId", deadline_at <= clock_timestamp() AS "isLate"
       FROM rivulet.collection_runs AS run JOIN rivulet.collection_tasks AS task USING (run_id)
       WHERE run.state IN ('queued', 'running') AND task.state IN ('waiting', 'active')
         AND (deadline_at <= clock_timestamp() OR attempts >= ${ATTEMPTS_MAX} AND lease_until <= clock_timestamp())
       ORDER BY deadline_at LIMIT ${EXPIRED_AT_ONCE}`,
    );
    for (const { runId, deviceId, isLate } of overdue) {
      const failure = isLate
        ? { code: 'COLLECTION_DEADLINE' as const, message: 'The deadline passed before the rows were there.' }
        : {
            code: 'COLLECTION_NETWORK_SILENT' as const,
            message: `The network took the task ${ATTEMPTS_MAX} times and fell silent.`,
          };
      const failed = await this.database.transaction((client) => failTask(client, runId, deviceId, failure));
      if (failed) this.metrics.tasks.inc({ result: failure.code });
    }
    return overdue.length === EXPIRED_AT_ONCE;
  }
}
