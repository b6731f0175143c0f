import { errorCatalogue, type ErrorCode } from '@rivulet/errors';
import type { ClientBase } from 'pg';

export interface TaskFailure {
  code: ErrorCode;
  message: string;
  nextStep?: string;
}

const MESSAGE_MAX = 2_000;

/**
 * Ends the task of one network with an error, unless it is over. The run is settled after the commit: see RunSettler.
 *
 * @returns whether it was not
 */
export async function failTask(
  client: ClientBase,
  runId: string,
  deviceId: string,
  { code, message, nextStep = errorCatalogue[code].nextStep }: TaskFailure,
): Promise<boolean> {
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
  return true;
}
