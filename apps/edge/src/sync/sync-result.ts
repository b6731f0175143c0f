import type { ErrorCode } from '@rivulet/errors';

export const syncTriggers = ['start', 'schedule', 'operator', 'repair'] as const;

/** What started a cycle; `repair`: a scrub that found deviations. */
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
 * `created` and filled · `loaded`: emptied and filled · `rebuilt` for other columns, and filled · `patched` by the rows
 * that differ · `merged` with the chunks that differ · `unchanged`
 */
export type TableAction = (typeof tableActions)[number];

/** What a cycle did with one table. */
export interface TableResult {
  name: string;
  table: string;
  action: TableAction;
  rows: number;
  /** Rows that were inserted, updated or deleted; all of them when it was filled. */
  rowsChanged: number;
  /** Bytes of the canonical rows. */
  bytes: number;
  checksum: string;
}

/** The result of a finished sync cycle. */
export interface SyncResult {
  /** ULID. */
  cycleId: string;
  trigger: SyncTrigger;
  /** `applied`: the mirrors are now equal to a new manifest · `current`: they already were · `failed`: see error */
  status: 'applied' | 'current' | 'failed';
  manifestId: string | null;
  epoch: number | null;
  sequence: number | null;
  startedAt: string;
  finishedAt: string;
  durations: SyncDurations;
  /** Bytes of frames that were fetched. */
  wireBytes: number;
  /** Whether central has been told. */
  acknowledged: boolean;
  tables: TableResult[];
  error?: { code: ErrorCode; message: string; nextStep: string };
}

/** That of a cycle of which nothing is known yet but when it began. */
export function unfinishedResult(cycleId: string, trigger: SyncTrigger, startedAt: string): SyncResult {
  return {
    cycleId,
    trigger,
    status: 'failed',
    manifestId: null,
    epoch: null,
    sequence: null,
    startedAt,
    finishedAt: startedAt,
    durations: { requestMs: 0, downloadMs: 0, applyMs: 0, verifyMs: 0, totalMs: 0 },
    wireBytes: 0,
    acknowledged: false,
    tables: [],
  };
}

export const syncPhases = ['requesting', 'downloading', 'applying', 'verifying', 'acknowledging'] as const;

/** How far a cycle is. Totals are 0 until they are known. */
export interface SyncProgress {
  phase: (typeof syncPhases)[number];
  rowsDone: number;
  rowsTotal: number;
  bytesDone: number;
  bytesTotal: number;
}

/** That of what has not begun. */
export function idleProgress(): SyncProgress {
  return { phase: 'requesting', rowsDone: 0, rowsTotal: 0, bytesDone: 0, bytesTotal: 0 };
}
