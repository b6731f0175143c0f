import type { StoredError, SyncResult } from './sync-result';

export const scrubTriggers = ['schedule', 'operator'] as const;
export type ScrubTrigger = (typeof scrubTriggers)[number];

export const scrubStatuses = ['intact', 'deviating', 'repaired', 'failed'] as const;
export const scrubTableStatuses = ['intact', 'deviating', 'missing'] as const;

/** Deviations of one table that a result names; further ones are counted. */
export const DEVIATIONS_NAMED = 100;

/** A range of keys in which a mirror differs from its record. */
export interface Deviation {
  /** The position of its first chunk in the recorded list. */
  position: number;
  /** Recorded chunks in the range; 0 where there should be no rows. */
  chunks: number;
  /** Canonical text of the key, tab between its columns. */
  firstKey: string;
  lastKey: string;
  expectedRows: number;
  actualRows: number;
}

/** A scrub's findings in one mirror. */
export interface ScrubTableResult {
  name: string;
  table: string;
  /** `missing`: no table has the recorded columns */
  status: (typeof scrubTableStatuses)[number];
  /** Rows and chunks that are recorded. */
  rows: number;
  chunks: number;
  /** The first {@link DEVIATIONS_NAMED} of them. */
  deviations: Deviation[];
  deviationCount: number;
}

/** The result of a finished scrub. */
export interface ScrubResult {
  /** ULID. */
  scrubId: string;
  trigger: ScrubTrigger;
  /**
   * `intact`: every mirror matches its record · `deviating`: at least one does not · `repaired`: at least one did not, and
   * does again · `failed`: not every mirror could be read
   */
  status: (typeof scrubStatuses)[number];
  startedAt: string;
  finishedAt: string;
  /** Milliseconds, by the monotonic clock, including the repair. */
  durationMs: number;
  tables: ScrubTableResult[];
  /** The cycle that fetched what deviated. */
  repair?: SyncResult;
  /** Why the mirrors could not be read or repaired. */
  error?: StoredError;
}
