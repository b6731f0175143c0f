import { requestInvalid } from '@rivulet/platform';
import { Cron } from 'croner';

export const jobOverlaps = ['skip', 'queue'] as const;
export const jobMisfires = ['run_once', 'skip'] as const;

/** When a schema is collected from which networks. */
export interface CollectionJob {
  jobId: string;
  name: string;
  schemaId: string;
  networkIds: string[] | null;
  labels: Record<string, string> | null;
  cron: string | null;
  timeZone: string;
  /** How a scheduled run is treated while an earlier one is still going on. */
  overlap: (typeof jobOverlaps)[number];
  /** How scheduled runs are treated whose time passed while no central was running. */
  misfire: (typeof jobMisfires)[number];
  jitterSeconds: number;
  deadlineSeconds: number;
  maxParallel: number;
  enabled: boolean;
  nextRunAt: Date | null;
  skipped: number;
  createdAt: Date;
  updatedAt: Date;
}

export type NewJob = Omit<CollectionJob, 'jobId' | 'nextRunAt' | 'skipped' | 'createdAt' | 'updatedAt'>;

/** A network that a job leaves out until somebody has looked at it. */
export interface HeldNetwork {
  networkId: string;
  code: string;
  message: string;
  since: Date;
}

/** @throws RivuletError REQUEST_INVALID when the text is no cron expression, its time never comes, or the zone is unknown */
export function checkSchedule(cron: string, timeZone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw requestInvalid([{ field: 'time_zone', reason: 'must be a time zone such as Europe/Berlin' }]);
  }
  try {
    if (nextSlot(cron, timeZone, new Date()) !== null) return;
  } catch {
    throw requestInvalid([{ field: 'cron', reason: 'must be a cron expression such as "*/5 * * * *"' }]);
  }
  throw requestInvalid([{ field: 'cron', reason: 'names a time that never comes' }]);
}

/** The first time of the schedule after another; null when none comes. */
export function nextSlot(cron: string, timeZone: string, after: Date): Date | null {
  return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(after);
}
