import type { SyncResult } from '../sync/sync-result';

export const scrubTriggers = ['schedule', 'operator'] as const;
export type ScrubTrigger = (typeof scrubTriggers)[number];

export const scrubStatuses = ['intact', 'deviating', 'repaired', 'failed'] as const;
export const scrubTableStatuses = ['intact', 'deviating', 'missing'] as const;

/** Deviations of one table that a result names; more are counted. */
export const DEVIATIONS_NAMED = 100;

/** A range of keys in which a mirror is not what was recorded of it. */
export interface Deviation {
  /** The place of its first chunk among those recorded. */
  position: number;
  /** Recorded chunks in it; 0 where there should be nothing. */
  chunks: number;
  /** Canonical text of the key, tab between its columns. */
  firstKey: string;
  lastKey: string;
  expectedRows: number;
  actualRows: number;
}

/** What a scrub found of one mirror. */
export interface ScrubTableResult {
  name: string;
  table: string;
  /** `missing`: there is no table with the recorded columns */
  status: (typeof scrubTableStatuses)[number];
  /** Rows and chunks that it is recorded to have. */
  rows: number;
  chunks: number;
  /** The first {@link DEVIATIONS_NAMED} of them. */
  deviations: Deviation[];
  deviationCount: number;
}

/** The result of a finished scrub. */
export interface ScrubResult {
  /** ULID. */
  verificationId: string;
  trigger: ScrubTrigger;
  /**
   * `intact`: every mirror is as recorded · `deviating`: at least one is not · `repaired`: at least one was not, and is
   * again · `failed`: they could not all be read
   */
  status: (typeof scrubStatuses)[number];
  startedAt: string;
  finishedAt: string;
  /** Milliseconds, by the monotonic clock; with the repair. */
  durationMs: number;
  tables: ScrubTableResult[];
  /** The cycle that fetched what deviated. */
  repair?: SyncResult;
  /** Why the mirrors could not be read, or not be repaired. */
  error?: NonNullable<SyncResult['error']>;
}
