import { Cron } from 'croner';
import type { ScheduledCollection } from '@rivulet/protocol';

/** Rows that are read later than this after their time are not those of that time. */
export const LATE_MAX_MS = 60_000;
/** Times of one job that are looked through at once: more than a minute has. */
const TIMES_MAX = 100;

/** The times of a schedule that have come since the last look. */
export interface DueTimes {
  /** The last of them; undefined where none has come. Rows are read once, however many times have passed. */
  due?: Date;
  /** How many others passed. */
  missed: number;
}

type Cronned = Pick<ScheduledCollection, 'cron' | 'timeZone'>;

/** @param fromMs - those up to it have been dealt with */
export function dueTimes(job: Cronned, fromMs: number, toMs: number): DueTimes {
  const beginMs = Math.max(fromMs, toMs - LATE_MAX_MS);
  const times = timesBetween(job, beginMs, toMs);
  const earlier = timesBetween(job, fromMs, beginMs).length;
  const due = times.at(-1);
  return { ...(due !== undefined && { due }), missed: earlier + Math.max(0, times.length - 1) };
}

/** Undefined where no time comes, or the Node.js of this device does not know an expression or time zone of central's. */
export function nextTime({ cron, timeZone }: Cronned, afterMs: number): Date | undefined {
  try {
    return new Cron(cron, { timezone: timeZone, paused: true }).nextRun(new Date(afterMs)) ?? undefined;
  } catch {
    return undefined;
  }
}

/** In (from, to]; the first ones where there are many. */
function timesBetween(job: Cronned, fromMs: number, toMs: number): Date[] {
  const times: Date[] = [];
  let next = nextTime(job, fromMs);
  while (next !== undefined && next.getTime() <= toMs && times.length < TIMES_MAX) {
    times.push(next);
    next = nextTime(job, next.getTime());
  }
  return times;
}
