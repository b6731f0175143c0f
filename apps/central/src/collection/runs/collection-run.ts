import type { CollectionSchema } from '../definitions/collection-schema';

export const runStates = ['queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled'] as const;
/** `partial`: some networks have delivered their rows, and some have failed. */
export type RunState = (typeof runStates)[number];

export const taskStates = ['waiting', 'active', 'succeeded', 'failed', 'cancelled'] as const;
/** The state of one network in a run. `waiting`: the network has not asked for it yet. */
export type TaskState = (typeof taskStates)[number];

export const runCauses = ['schedule', 'manual', 'retry'] as const;
export type RunCause = (typeof runCauses)[number];

/** The query and the target of a run, as the schema was when the run began. */
export type RunOrder = Pick<
  CollectionSchema,
  'name' | 'sqlCommand' | 'targetTable' | 'mode' | 'key' | 'watermarkColumn' | 'overlap'
>;

export interface CollectionRun {
  runId: string;
  jobId: string;
  schemaId: string;
  cause: RunCause;
  state: RunState;
  scheduledFor: Date | null;
  deadlineAt: Date;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  networks: Record<TaskState, number>;
  rows: number;
  bytes: number;
  sentBytes: number;
}

/** The state of one network in a run. */
export interface NetworkResult {
  networkId: string;
  state: TaskState;
  attempts: number;
  rows: number;
  bytes: number;
  sentBytes: number;
  digest: string | null;
  receipt: string | null;
  errorCode: string | null;
  errorMessage: string | null;
  nextStep: string | null;
  startedAt: Date | null;
  finishedAt: Date | null;
}

export function orderOf(schema: CollectionSchema): RunOrder {
  const { name, sqlCommand, targetTable, mode, key, watermarkColumn, overlap } = schema;
  return { name, sqlCommand, targetTable, mode, key, watermarkColumn, overlap };
}
