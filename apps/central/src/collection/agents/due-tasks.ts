import type { CollectionDatabase } from '../collection-database';

export interface DueTask {
  runId: string;
  deviceId: string;
  /** Places that the run has. */
  free: number;
}

/**
 * By the partial index of open runs, then by the primary key of their tasks: nothing is read while no run is open. A
 * network that works on a task gets no other.
 */
const selectDue = `
WITH open AS (
  SELECT run_id, max_parallel - (
    SELECT count(*) FROM rivulet.collection_tasks AS active
    WHERE active.run_id = run.run_id AND active.state = 'active' AND active.lease_until > clock_timestamp())::int AS free
  FROM rivulet.collection_runs AS run WHERE state = 'running' AND NOT is_kept AND deadline_at > clock_timestamp()
), first AS (
  SELECT DISTINCT ON (device_id) run_id, device_id, free, attempts
  FROM open JOIN rivulet.collection_tasks AS task USING (run_id)
  WHERE free > 0 AND device_id = ANY ($1)
    AND (task.state = 'waiting' OR task.state = 'active' AND lease_until <= clock_timestamp())
    AND NOT EXISTS (
      SELECT FROM rivulet.collection_tasks AS other
      WHERE other.device_id = task.device_id AND other.state = 'active' AND other.lease_until > clock_timestamp())
  ORDER BY device_id, run_id
)
SELECT run_id AS "runId", device_id AS "deviceId", free FROM first ORDER BY attempts, run_id, device_id`;

/** The oldest task of each of some networks that could be done now. */
export async function dueTasks(database: CollectionDatabase, deviceIds: string[]): Promise<DueTask[]> {
  return database.rows<DueTask>(selectDue, [deviceIds]);
}
