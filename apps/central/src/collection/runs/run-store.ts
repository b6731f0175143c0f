import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables } from '@rivulet/platform';
import { CollectionDatabase } from '../collection-database';
import type { CollectionRun, NetworkResult, TaskState } from './collection-run';
import { startQueued } from './settle-run';

export interface Page<T> {
  items: T[];
  /** The last ID of the page; missing when it is the last page. */
  cursor?: string;
}

/** One row for each run, by the primary key of its tasks. */
const selectRuns = (where: string): string => `
SELECT run.run_id AS "runId", job_id AS "jobId", schema_id AS "schemaId", cause, run.state,
       scheduled_for AS "scheduledFor", deadline_at AS "deadlineAt", run.created_at AS "createdAt",
       run.started_at AS "startedAt", run.finished_at AS "finishedAt",
       waiting, active, succeeded, failed, cancelled, rows, bytes, "sentBytes"
FROM (SELECT * FROM rivulet.collection_runs WHERE ${where}) AS run
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE state = 'waiting')::float8 AS waiting,
         count(*) FILTER (WHERE state = 'active')::float8 AS active,
         count(*) FILTER (WHERE state = 'succeeded')::float8 AS succeeded,
         count(*) FILTER (WHERE state = 'failed')::float8 AS failed,
         count(*) FILTER (WHERE state = 'cancelled')::float8 AS cancelled,
         coalesce(sum(rows), 0)::float8 AS rows, coalesce(sum(bytes), 0)::float8 AS bytes,
         coalesce(sum(sent_bytes), 0)::float8 AS "sentBytes"
  FROM rivulet.collection_tasks AS task WHERE task.run_id = run.run_id) AS done
ORDER BY run.run_id DESC`;

/** By an index on what is not told. */
const UNTOLD = "NOT is_told AND state <> 'queued'";
const UNTOLD_AT_ONCE = 500;

type RunRow = Omit<CollectionRun, 'networks'> & Record<TaskState, number>;

@Injectable()
export class RunStore {
  constructor(
    private readonly database: CollectionDatabase,
    private readonly tables: OwnTables,
  ) {}

  /** The latest first, by keyset: a page costs the same however far down it is. */
  async ofJob(jobId: string, limit: number, cursor?: string): Promise<Page<CollectionRun>> {
    const rows = await this.database.rows<RunRow>(
      selectRuns('job_id = $1 AND ($2::text IS NULL OR run_id < $2) ORDER BY run_id DESC LIMIT $3'),
      [jobId, cursor ?? null, limit + 1],
    );
    return pageOf(rows.map(toRun), limit, ({ runId }) => runId);
  }

  /** @throws RivuletError COLLECTION_RUN_UNKNOWN */
  async get(runId: string): Promise<CollectionRun> {
    const [row] = await this.database.rows<RunRow>(selectRuns('run_id = $1'), [runId]);
    return row === undefined ? unknown(runId) : toRun(row);
  }

  async hasUntold(): Promise<boolean> {
    const rows = await this.database.rows(`SELECT FROM rivulet.collection_runs WHERE ${UNTOLD} LIMIT 1`);
    return rows.length > 0;
  }

  /** Runs that go on, or whose end was not told, the oldest first to be told. */
  async untold(): Promise<CollectionRun[]> {
    const rows = await this.database.rows<RunRow>(
      selectRuns(`${UNTOLD} ORDER BY run_id LIMIT ${UNTOLD_AT_ONCE}`),
    );
    return rows.map(toRun);
  }

  /** The states of its networks, by network ID. */
  async results(
    runId: string,
    { state, limit, cursor }: { state?: TaskState | undefined; limit: number; cursor?: string | undefined },
  ): Promise<Page<NetworkResult>> {
    const rows = await this.database.rows<NetworkResult>(
      `SELECT device_id AS "networkId", state, attempts, rows::float8 AS rows, bytes::float8 AS bytes,
              sent_bytes::float8 AS "sentBytes", digest, receipt, error_code AS "errorCode",
              error_message AS "errorMessage", next_step AS "nextStep", started_at AS "startedAt",
              finished_at AS "finishedAt"
       FROM rivulet.collection_tasks
       WHERE run_id = $1 AND ($2::text IS NULL OR device_id > $2) AND ($3::text IS NULL OR state = $3)
       ORDER BY device_id LIMIT $4`,
      [runId, cursor ?? null, state ?? null, limit + 1],
    );
    return pageOf(rows, limit, ({ networkId }) => networkId);
  }

  /** Rows that have been applied stay. Cancelling a finished run changes nothing. @throws RivuletError COLLECTION_RUN_UNKNOWN */
  async cancel(runId: string): Promise<void> {
    await this.get(runId);
    await this.tables.transaction(async (client) => {
      const [cancelled] = await client.rows<{ jobId: string }>(
        `UPDATE rivulet.collection_runs SET state = 'cancelled', finished_at = clock_timestamp()
         WHERE run_id = $1 AND state IN ('queued', 'running') RETURNING job_id AS "jobId"`,
        [runId],
      );
      if (cancelled === undefined) return;
      await client.rows(
        `UPDATE rivulet.collection_tasks SET state = 'cancelled', lease_until = NULL, finished_at = clock_timestamp()
         WHERE run_id = $1 AND state IN ('waiting', 'active')`,
        [runId],
      );
      await client.rows('DELETE FROM rivulet.collection_chunks WHERE run_id = $1', [runId]);
      await startQueued(client, cancelled.jobId);
    });
  }
}

function toRun({ waiting, active, succeeded, failed, cancelled, ...run }: RunRow): CollectionRun {
  return { ...run, networks: { waiting, active, succeeded, failed, cancelled } };
}

function pageOf<T>(rows: T[], limit: number, idOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  return rows.length <= limit ? { items } : { items, cursor: idOf(items.at(-1)!) };
}

function unknown(runId: string): never {
  throw new RivuletError('COLLECTION_RUN_UNKNOWN', `There is no run ${runId}.`);
}
