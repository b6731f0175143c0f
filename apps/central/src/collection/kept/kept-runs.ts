import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { KeptCollection } from '@rivulet/protocol';
import type { PoolClient } from 'pg';
import { monotonicFactory } from 'ulid';
import { Quotas } from '../arrival/quotas';
import { CollectionDatabase, statementsOf } from '../collection-database';
import { CollectionEnv } from '../collection.env';
import { CollectionMetrics } from '../collection.metrics';
import { nextSlot, type CollectionJob } from '../definitions/collection-job';
import { JobStore } from '../definitions/job-store';
import { SchemaStore } from '../definitions/schema-store';
import { orderOf, type RunOrder } from '../runs/collection-run';
import { RunStarter } from '../runs/run-starter';
import { lockJob } from '../runs/run-settler';
import { lease } from '../runs/task-queue';
import { enterKept, findKept, reopenKept, type FoundTask } from './kept-statements';
import { revisionOf } from './revision';

/** The clock of a device may be so much ahead. */
const AHEAD_MAX_MS = 60_000;
/** Rows of before are not wanted, nor those of runs that may have been removed. */
const AGE_MAX_MS = 30 * 86_400_000;
const BUSY_SECONDS = 10;

/** A network failed with these because nothing was heard of it. */
const WAS_AWAY = new Set(['COLLECTION_DEADLINE', 'COLLECTION_NETWORK_SILENT']);

/** The job as it is now, and what it collects. */
interface Wanted {
  job: CollectionJob;
  order: RunOrder;
  scheduledFor: Date;
}

/** Rows that networks have read by schedule while central was away: which run they are for. */
@Injectable()
export class KeptRuns {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly database: CollectionDatabase,
    private readonly jobs: JobStore,
    private readonly schemas: SchemaStore,
    private readonly starter: RunStarter,
    private readonly quotas: Quotas,
    private readonly env: CollectionEnv,
    private readonly metrics: CollectionMetrics,
  ) {}

  /**
   * Finds the run of a job and scheduled time, or makes it, and gives the network its task there. May be repeated.
   *
   * @returns the ID of the run
   * @throws RivuletError COLLECTION_KEPT_UNWANTED · COLLECTION_QUOTA_EXCEEDED · COLLECTION_BUSY
   */
  async claim(deviceId: string, kept: KeptCollection): Promise<string> {
    const wanted = await this.wanted(deviceId, kept);
    await this.quotas.check(deviceId);
    const runId = await this.database.transaction((client) => this.enter(client, deviceId, kept, wanted));
    this.metrics.keptRuns.inc({ result: 'taken' });
    return runId;
  }

  /** Each condition is that of a scheduled run, too: see RunScheduler. */
  private async wanted(deviceId: string, { jobId, revision, ...kept }: KeptCollection): Promise<Wanted> {
    const scheduledFor = new Date(kept.scheduledFor);
    const job = await this.jobs.get(jobId).catch((error: unknown) => {
      throw error instanceof RivuletError && error.code === 'COLLECTION_JOB_UNKNOWN'
        ? this.unwanted(`job ${jobId} was deleted`)
        : error;
    });
    const order = orderOf(await this.schemas.get(job.schemaId));
    if (revisionOf(job.schemaId, order) !== revision)
      throw this.unwanted('what the job collects was changed');
    if (!job.enabled || job.misfire === 'skip') throw this.unwanted('the job makes up for no missed run');
    if (!isSlot(job, scheduledFor))
      throw this.unwanted(`${kept.scheduledFor} is no time of the job's schedule`);
    const [now] = await this.database.rows<{ ms: number }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
    );
    const ageMs = now!.ms - scheduledFor.getTime();
    if (ageMs < -AHEAD_MAX_MS) throw this.unwanted(`${kept.scheduledFor} has not come yet`);
    if (ageMs > Math.min(AGE_MAX_MS, this.env.retentionMs))
      throw this.unwanted(`${kept.scheduledFor} was too long ago`);
    if (!(await this.starter.concerns(job, deviceId)))
      throw this.unwanted('the job is not for the network any more, or leaves it out');
    return { job, order, scheduledFor };
  }

  private async enter(
    client: PoolClient,
    deviceId: string,
    kept: KeptCollection,
    { job, order, scheduledFor }: Wanted,
  ): Promise<string> {
    const statements = statementsOf(client);
    await lockJob(statements, job.jobId);
    const found = await findKept(statements, job.jobId, scheduledFor, deviceId);
    if (found !== undefined && this.isDone(found, kept)) return found.runId;
    const runId = found?.runId ?? this.nextUlid();
    const task = found?.task ?? undefined;
    if (task === undefined || task.state === 'failed') {
      await this.quotas.countKept(statements, deviceId);
      const run = { ...job, runId, order, scheduledFor, deviceId };
      await (task === undefined ? enterKept(statements, run) : reopenKept(statements, run));
    }
    const isAtWork = task?.state === 'active' && task.isLeased;
    if (!isAtWork && (await lease(client, runId, deviceId)) === undefined)
      throw new RivuletError('COLLECTION_BUSY', `Run ${runId} has no place for the network now.`, {
        retryAfterSeconds: BUSY_SECONDS,
      });
    await statements.rows(
      `UPDATE rivulet.collection_tasks
       SET collected_at = least(greatest($3::timestamptz, $4::timestamptz), clock_timestamp())
       WHERE run_id = $1 AND device_id = $2`,
      [runId, deviceId, kept.collectedAt, scheduledFor],
    );
    return runId;
  }

  /** Whether these rows are committed. @throws RivuletError COLLECTION_KEPT_UNWANTED where they cannot be */
  private isDone({ runId, schemaId, order, state, isKept, task }: FoundTask, kept: KeptCollection): boolean {
    if (state === 'cancelled') throw this.unwanted(`run ${runId} was cancelled`);
    if (revisionOf(schemaId, order) !== kept.revision)
      throw this.unwanted(`run ${runId} collects something else`);
    if (task === null) {
      if (isKept) return false;
      throw this.unwanted(`the network has no part in run ${runId}`);
    }
    if (task.state === 'succeeded') {
      if (task.digest === kept.checksum) return true;
      throw this.unwanted(`run ${runId} has other rows of the network`);
    }
    const isOver = task.state === 'cancelled' || (task.state === 'failed' && !WAS_AWAY.has(task.errorCode!));
    if (isOver) throw this.unwanted(`the network is done with run ${runId}`);
    return false;
  }

  private unwanted(reason: string): RivuletError {
    this.metrics.keptRuns.inc({ result: 'unwanted' });
    return new RivuletError('COLLECTION_KEPT_UNWANTED', `The rows that were kept are not wanted: ${reason}.`);
  }
}

function isSlot({ cron, timeZone }: CollectionJob, time: Date): boolean {
  if (cron === null) return false;
  return nextSlot(cron, timeZone, new Date(time.getTime() - 1))?.getTime() === time.getTime();
}
