import type { Statements } from '../collection-database';
import type { RunCause, RunOrder } from './collection-run';
import { lockJob } from './run-settler';

export interface NewRun {
  runId: string;
  jobId: string;
  schemaId: string;
  cause: RunCause;
  order: RunOrder;
  maxParallel: number;
  /** The time of a scheduled run; there is one run for each time of a schedule. */
  scheduledFor: Date | null;
  deadlineSeconds: number;
  networkIds: string[];
}

/**
 * Enters a run with a task for each network. It is queued while an earlier run of its job is not over.
 *
 * @returns whether it was entered: another central may have been first
 */
export async function createRun(statements: Statements, run: NewRun): Promise<boolean> {
  await lockJob(statements, run.jobId);
  const [entered] = await statements.rows<{ runId: string }>(
    `INSERT INTO rivulet.collection_runs
       (run_id, job_id, schema_id, cause, state, "order", max_parallel, scheduled_for, deadline_at, started_at)
     SELECT $1, $2, $3, $4, CASE WHEN is_busy THEN 'queued' ELSE 'running' END, $5, $6, $7,
            clock_timestamp() + $8 * interval '1 second', CASE WHEN is_busy THEN NULL ELSE clock_timestamp() END
     FROM (SELECT EXISTS (SELECT FROM rivulet.collection_runs
                          WHERE job_id = $2 AND state IN ('queued', 'running') AND NOT is_kept) AS is_busy) AS job
     ON CONFLICT ON CONSTRAINT collection_runs_slot DO NOTHING RETURNING run_id AS "runId"`,
    [
      run.runId,
      run.jobId,
      run.schemaId,
      run.cause,
      JSON.stringify(run.order),
      run.maxParallel,
      run.scheduledFor,
      run.deadlineSeconds,
    ],
  );
  const { runId } = entered ?? (await joinKept(statements, run)) ?? {};
  if (runId === undefined) return false;
  await statements.rows(
    `INSERT INTO rivulet.collection_tasks (run_id, device_id, state)
     SELECT $1, device_id, 'waiting' FROM unnest($2::text[]) AS device_id ON CONFLICT DO NOTHING`,
    [runId, run.networkIds],
  );
  return true;
}

/** Networks that were away have made the run before, of themselves alone: it becomes that of all. */
async function joinKept(statements: Statements, run: NewRun): Promise<{ runId: string } | undefined> {
  const [kept] = await statements.rows<{ runId: string }>(
    `UPDATE rivulet.collection_runs AS run SET is_kept = false, is_told = false, finished_at = NULL, totals = NULL,
       state = CASE WHEN EXISTS (
         SELECT FROM rivulet.collection_runs AS other
         WHERE other.job_id = $1 AND other.state IN ('queued', 'running') AND NOT other.is_kept)
         THEN 'queued' ELSE 'running' END,
       deadline_at = clock_timestamp() + $3 * interval '1 second'
     WHERE job_id = $1 AND scheduled_for = $2 AND is_kept AND state <> 'cancelled' AND "order" = $4
     RETURNING run_id AS "runId"`,
    [run.jobId, run.scheduledFor, run.deadlineSeconds, JSON.stringify(run.order)],
  );
  return kept;
}

/** The runs of a job that are not over, without those of networks that bring rows of before. */
export async function countOpenRuns(statements: Statements, jobId: string): Promise<number> {
  const [row] = await statements.rows<{ open: number }>(
    `SELECT count(*)::int AS open FROM rivulet.collection_runs
     WHERE job_id = $1 AND state IN ('queued', 'running') AND NOT is_kept`,
    [jobId],
  );
  return row!.open;
}
