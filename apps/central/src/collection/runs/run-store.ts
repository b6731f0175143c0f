import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables } from '@rivulet/platform';
import { CollectionDatabase } from '../collection-database';
import type { CollectionRun, NetworkResult, TaskState } from './collection-run';
import { lockJob, startQueued } from './run-settler';
import { selectTotals, type RunTotals } from './run-totals';

export interface Page<T> {
  items: T[];
  /** The last ID of the page; missing when it is the last page. */
  cursor?: string;
}

/** One row for each run, whose totals are counted while it is open, and kept once it is over. */
const selectRuns = (where: string): string => `
SELECT run_id AS "runId", job_id AS "jobId", schema_id AS "schemaId", cause, state, scheduled_for AS "scheduledFor",
       deadline_at AS "deadlineAt", created_at AS "createdAt", started_at AS "startedAt", finished_at AS "finishedAt",
       coalesce(totals, ${selectTotals('run.run_id')}) AS totals
FROM (SELECT * FROM rivulet.collection_runs WHERE ${where}) AS run ORDER BY run_id DESC`;

/** By an index on what is not told. */
const UNTOLD = "NOT is_told AND state <> 'queued'";
const UNTOLD_AT_ONCE = 500;

type RunRow = Omit<CollectionRun, 'networks' | 'rows' | 'bytes' | 'sentBytes'> & { totals: RunTotals };

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
    const { jobId } = await this.get(runId);
    await this.tables.transaction(async (client) => {
      await lockJob(client, jobId);
      const cancelled = await client.rows(
        `UPDATE rivulet.collection_runs SET state = 'cancelled', finished_at = clock_timestamp()
         WHERE run_id = $1 AND state IN ('queued', 'running') RETURNING run_id`,
        [runId],
      );
      if (cancelled.length === 0) return;
      await client.rows(
        `UPDATE rivulet.collection_tasks SET state = 'cancelled', lease_until = NULL, finished_at = clock_timestamp()
         WHERE run_id = $1 AND state IN ('waiting', 'active')`,
        [runId],
      );
      await client.rows('DELETE FROM rivulet.collection_chunks WHERE run_id = $1', [runId]);
      await client.rows(
        `UPDATE rivulet.collection_runs SET totals = ${selectTotals('$1')} WHERE run_id = $1`,
        [runId],
      );
      await startQueued(client, jobId);
    });
  }
}

function toRun({ totals, ...run }: RunRow): CollectionRun {
  const { waiting, active, succeeded, failed, cancelled, rows, bytes, sentBytes } = totals;
  return { ...run, networks: { waiting, active, succeeded, failed, cancelled }, rows, bytes, sentBytes };
}

function pageOf<T>(rows: T[], limit: number, idOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  return rows.length <= limit ? { items } : { items, cursor: idOf(items.at(-1)!) };
}

function unknown(runId: string): never {
  throw new RivuletError('COLLECTION_RUN_UNKNOWN', `There is no run ${runId}.`);
}
