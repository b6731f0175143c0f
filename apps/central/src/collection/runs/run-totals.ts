import type { TaskState } from './collection-run';

/** A run's networks by state, and the rows and bytes that they have brought. Kept with a run that is over. */
export type RunTotals = Record<TaskState | 'rows' | 'bytes' | 'sentBytes', number>;

/** The totals of a run, by the primary key of its tasks. @param runId - an SQL expression */
export const selectTotals = (runId: string): string => `(
  SELECT jsonb_build_object(
    'waiting', count(*) FILTER (WHERE task.state = 'waiting'), 'active', count(*) FILTER (WHERE task.state = 'active'),
    'succeeded', count(*) FILTER (WHERE task.state = 'succeeded'), 'failed', count(*) FILTER (WHERE task.state = 'failed'),
    'cancelled', count(*) FILTER (WHERE task.state = 'cancelled'), 'rows', coalesce(sum(task.rows), 0),
    'bytes', coalesce(sum(task.bytes), 0), 'sentBytes', coalesce(sum(task.sent_bytes), 0))
  FROM rivulet.collection_tasks AS task WHERE task.run_id = ${runId})`;
