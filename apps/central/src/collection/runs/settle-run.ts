import { errorCatalogue, type ErrorCode } from '@rivulet/errors';
import type { ClientBase } from 'pg';
import { statementsOf, type Statements } from '../collection-database';

export interface TaskFailure {
  code: ErrorCode;
  message: string;
  nextStep?: string;
}

const MESSAGE_MAX = 2_000;

/**
 * Ends the task of one network with an error, unless it is over.
 *
 * @returns whether it was not
 */
export async function failTask(
  client: ClientBase,
  runId: string,
  deviceId: string,
  { code, message, nextStep = errorCatalogue[code].nextStep }: TaskFailure,
): Promise<boolean> {
  // The run before its tasks, as everywhere: else two transactions could wait for each other.
  await client.query('SELECT FROM rivulet.collection_runs WHERE run_id = $1 FOR UPDATE', [runId]);
  const { rowCount } = await client.query(
    `UPDATE rivulet.collection_tasks SET state = 'failed', lease_until = NULL, error_code = $3, error_message = $4,
       next_step = $5, finished_at = clock_timestamp()
     WHERE run_id = $1 AND device_id = $2 AND state IN ('waiting', 'active')`,
    [runId, deviceId, code, message.slice(0, MESSAGE_MAX), nextStep.slice(0, MESSAGE_MAX)],
  );
  if (rowCount === 0) return false;
  await client.query('DELETE FROM rivulet.collection_chunks WHERE run_id = $1 AND device_id = $2', [
    runId,
    deviceId,
  ]);
  await settleRun(client, runId);
  return true;
}

/** Ends a run once all of its networks are done, and starts the next one of its job that waits. */
export async function settleRun(client: ClientBase, runId: string): Promise<void> {
  // Two networks that end at once: the second waits here, and then sees what the first has done.
  await client.query('SELECT FROM rivulet.collection_runs WHERE run_id = $1 FOR UPDATE', [runId]);
  const { rows } = await client.query<{ jobId: string }>(
    `UPDATE rivulet.collection_runs AS run SET finished_at = clock_timestamp(),
       state = CASE WHEN done.failed = 0 AND done.succeeded > 0 THEN 'succeeded'
                    WHEN done.succeeded > 0 THEN 'partial' ELSE 'failed' END
     FROM (SELECT count(*) FILTER (WHERE state IN ('waiting', 'active')) AS open,
                  count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
                  count(*) FILTER (WHERE state IN ('failed', 'cancelled')) AS failed
           FROM rivulet.collection_tasks WHERE run_id = $1) AS done
     WHERE run_id = $1 AND run.state IN ('queued', 'running') AND done.open = 0
     RETURNING job_id AS "jobId"`,
    [runId],
  );
  if (rows[0] !== undefined) await startQueued(statementsOf(client), rows[0].jobId);
}

/** The oldest run that waits, if no other of its job is running. */
export async function startQueued(statements: Statements, jobId: string): Promise<void> {
  await statements.rows(
    `UPDATE rivulet.collection_runs SET state = 'running', started_at = clock_timestamp()
     WHERE run_id = (SELECT run_id FROM rivulet.collection_runs WHERE job_id = $1 AND state = 'queued'
                     ORDER BY run_id LIMIT 1)
       AND NOT EXISTS (SELECT FROM rivulet.collection_runs WHERE job_id = $1 AND state = 'running')`,
    [jobId],
  );
}
