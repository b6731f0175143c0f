import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables } from '@rivulet/platform';
import { monotonicFactory } from 'ulid';
import { DeviceList } from '../../devices/registry/device-list';
import { CollectionDatabase } from '../collection-database';
import { CollectionMetrics } from '../collection.metrics';
import type { CollectionJob } from '../definitions/collection-job';
import { JobStore } from '../definitions/job-store';
import { SchemaStore } from '../definitions/schema-store';
import { orderOf, type RunCause, type RunOrder } from './collection-run';
import { createRun } from './create-run';
import { DueRuns } from './due-runs';
import { RunStore } from './run-store';

/** The most networks of one job. */
const NETWORKS_MAX = 10_000;

interface FailedRun {
  jobId: string;
  schemaId: string;
  order: RunOrder;
  maxParallel: number;
  deadlineSeconds: number;
  networkIds: string[];
}

/** Starts runs that a person asks for. */
@Injectable()
export class RunStarter {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly tables: OwnTables,
    private readonly database: CollectionDatabase,
    private readonly jobs: JobStore,
    private readonly schemas: SchemaStore,
    private readonly runs: RunStore,
    private readonly devices: DeviceList,
    private readonly due: DueRuns,
    private readonly metrics: CollectionMetrics,
  ) {}

  /**
   * Starts a run now, held networks included, or queues it behind one that is not over.
   *
   * @returns the ID of the run
   * @throws RivuletError COLLECTION_JOB_UNKNOWN · COLLECTION_JOB_EMPTY
   */
  async start(jobId: string): Promise<string> {
    const job = await this.jobs.get(jobId);
    const order = orderOf(await this.schemas.get(job.schemaId));
    const networkIds = await this.networksOf(job);
    if (networkIds.length === 0) throw empty(job.name);
    const runId = this.nextUlid();
    await this.tables.transaction(async (client) => {
      await client.rows('DELETE FROM rivulet.collection_holds WHERE job_id = $1', [jobId]);
      await createRun(client, { ...job, runId, cause: 'manual', order, scheduledFor: null, networkIds });
    });
    this.started('manual');
    return runId;
  }

  /**
   * Starts a run of the networks that have failed in another.
   *
   * @returns the ID of the run
   * @throws RivuletError COLLECTION_RUN_UNKNOWN · COLLECTION_JOB_EMPTY when none has
   */
  async retry(failedRunId: string): Promise<string> {
    await this.runs.get(failedRunId);
    const [failed] = await this.database.rows<FailedRun>(
      `SELECT job_id AS "jobId", schema_id AS "schemaId", "order", max_parallel AS "maxParallel",
              ceil(extract(epoch FROM deadline_at - created_at))::int AS "deadlineSeconds",
              ARRAY(SELECT device_id FROM rivulet.collection_tasks AS task
                    WHERE task.run_id = run.run_id AND task.state = 'failed' ORDER BY device_id) AS "networkIds"
       FROM rivulet.collection_runs AS run WHERE run_id = $1`,
      [failedRunId],
    );
    if (failed!.networkIds.length === 0)
      throw new RivuletError('COLLECTION_JOB_EMPTY', `No network has failed in run ${failedRunId}.`, {
        nextStep: 'Nothing to do: there is nothing to retry.',
      });
    const runId = this.nextUlid();
    await this.tables.transaction(async (client) => {
      await client.rows('DELETE FROM rivulet.collection_holds WHERE job_id = $1 AND device_id = ANY ($2)', [
        failed!.jobId,
        failed!.networkIds,
      ]);
      await createRun(client, { ...failed!, runId, cause: 'retry', scheduledFor: null });
    });
    this.started('retry');
    return runId;
  }

  /** Whether a run of the job that began now would have the network in it. */
  async concerns({ jobId, networkIds, labels }: CollectionJob, deviceId: string): Promise<boolean> {
    if (networkIds !== null && !networkIds.includes(deviceId)) return false;
    const held = await this.database.rows(
      'SELECT FROM rivulet.collection_holds WHERE job_id = $1 AND device_id = $2',
      [jobId, deviceId],
    );
    const active = await this.devices.activeIds({ ids: [deviceId], labels, limit: 1 });
    return held.length === 0 && active.length > 0;
  }

  private started(cause: RunCause): void {
    this.tables.afterCommit(() => {
      this.metrics.runs.inc({ cause });
      void this.due.announce();
    });
  }

  /** Those that are registered and active. */
  async networksOf({ networkIds, labels }: CollectionJob): Promise<string[]> {
    return this.devices.activeIds({ ids: networkIds, labels, limit: NETWORKS_MAX });
  }
}

function empty(name: string): RivuletError {
  return new RivuletError('COLLECTION_JOB_EMPTY', `Job ${name} has no network that is active.`);
}
