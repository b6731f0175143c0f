import type { ErrorCode, RivuletError } from '@rivulet/errors';

export const syncTriggers = ['start', 'schedule', 'operator', 'repair', 'nudge'] as const;

/** The cause of a cycle. `repair`: a scrub found deviations · `nudge`: central asked for it. */
export type SyncTrigger = (typeof syncTriggers)[number];

/** Milliseconds, by the monotonic clock. */
export interface SyncDurations {
  requestMs: number;
  downloadMs: number;
  applyMs: number;
  verifyMs: number;
  totalMs: number;
}

export const tableActions = ['created', 'loaded', 'rebuilt', 'patched', 'merged', 'unchanged'] as const;

/**
 * `created` and filled · `loaded`: emptied and filled · `rebuilt` with different columns, and filled · `patched`: the rows
 * that differ were changed · `merged` with the chunks that differ · `unchanged`
 */
export type TableAction = (typeof tableActions)[number];

/** A cycle's outcome for one table. */
export interface TableResult {
  name: string;
  table: string;
  action: TableAction;
  rows: number;
  /** Rows inserted, updated or deleted; all rows when the table was filled. */
  rowsChanged: number;
  /** Bytes of the canonical rows. */
  bytes: number;
  checksum: string;
}

/** An error as the log keeps it. */
export interface StoredError {
  code: ErrorCode;
  message: string;
  nextStep: string;
}

/** The result of a finished sync cycle. */
export interface SyncResult {
  /** ULID. */
  cycleId: string;
  trigger: SyncTrigger;
  /** `applied`: the mirrors now equal a new manifest · `current`: they already did · `failed`: see error */
  status: 'applied' | 'current' | 'failed';
  manifestId: string | null;
  epoch: number | null;
  sequence: number | null;
  startedAt: string;
  finishedAt: string;
  durations: SyncDurations;
  /** Bytes of frames that were fetched. */
  wireBytes: number;
  /** Whether central has confirmed the report. */
  acknowledged: boolean;
  tables: TableResult[];
  error?: StoredError;
}

export function storedError({ code, message, nextStep }: RivuletError): StoredError {
  return { code, message: storable(message), nextStep: storable(nextStep) };
}

/** PostgreSQL's text and jsonb hold every character but this one, and messages quote what others sent. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}
