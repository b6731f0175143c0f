import type { Statements } from '../collection-database';
import type { RunOrder, RunState, TaskState } from '../runs/collection-run';

/** The run of a job and scheduled time, and the part that a network has in it. */
export interface FoundTask {
  runId: string;
  schemaId: string;
  order: RunOrder;
  state: RunState;
  isKept: boolean;
  task: {
    state: TaskState;
    digest: string | null;
    errorCode: string | null;
    isLeased: boolean;
  } | null;
}

/** The job is locked. */
export async function findKept(
  statements: Statements,
  jobId: string,
  scheduledFor: Date,
  deviceId: string,
): Promise<FoundTask | undefined> {
  const [found] = await statements.rows<FoundTask>(
    `SELECT run.run_id AS "runId", schema_id AS "schemaId", "order", run.state, is_kept AS "isKept",
            CASE WHEN task.run_id IS NOT NULL THEN json_build_object(
              'state', task.state, 'digest', digest, 'errorCode', error_code,
              'isLeased', coalesce(lease_until > clock_timestamp(), false)) END AS task
     FROM rivulet.collection_runs AS run
     LEFT JOIN rivulet.collection_tasks AS task ON task.run_id = run.run_id AND device_id = $3
     WHERE job_id = $1 AND scheduled_for = $2`,
    [jobId, scheduledFor, deviceId],
  );
  return found;
}

interface KeptRun {
  runId: string;
  deviceId: string;
  deadlineSeconds: number;
}

interface NewKeptRun extends KeptRun {
  jobId: string;
  schemaId: string;
  order: RunOrder;
  maxParallel: number;
  scheduledFor: Date;
}

/** A part in the run that networks have made which were away as well, or in a new one, which is in no other's way. */
export async function enterKept(statements: Statements, run: NewKeptRun): Promise<void> {
  await statements.rows(
    `INSERT INTO rivulet.collection_runs
       (run_id, job_id, schema_id, cause, state, "order", max_parallel, scheduled_for, deadline_at, started_at, is_kept)
     VALUES ($1, $2, $3, 'schedule', 'running', $4, $5, $6, clock_timestamp() + $7 * interval '1 second',
             clock_timestamp(), true)
     ON CONFLICT DO NOTHING`,
    [
      run.runId,
      run.jobId,
      run.schemaId,
      JSON.stringify(run.order),
      run.maxParallel,
      run.scheduledFor,
      run.deadlineSeconds,
    ],
  );
  await statements.rows(
    `INSERT INTO rivulet.collection_tasks (run_id, device_id, state) VALUES ($1, $2, 'waiting')`,
    [run.runId, run.deviceId],
  );
  await reopenRun(statements, run);
}

/** A network that was given up has rows after all. */
export async function reopenKept(statements: Statements, run: KeptRun): Promise<void> {
  await statements.rows(
    `UPDATE rivulet.collection_tasks SET state = 'waiting', attempts = 0, error_code = NULL, error_message = NULL,
       next_step = NULL, finished_at = NULL
     WHERE run_id = $1 AND device_id = $2`,
    [run.runId, run.deviceId],
  );
  await reopenRun(statements, run);
}

async function reopenRun(statements: Statements, { runId, deadlineSeconds }: KeptRun): Promise<void> {
  await statements.rows(
    `UPDATE rivulet.collection_runs SET state = CASE WHEN finished_at IS NULL THEN state ELSE 'running' END,
       is_kept = is_kept OR finished_at IS NOT NULL, is_told = false, finished_at = NULL, totals = NULL,
       deadline_at = greatest(deadline_at, clock_timestamp() + $2 * interval '1 second')
     WHERE run_id = $1`,
    [runId, deadlineSeconds],
  );
}
