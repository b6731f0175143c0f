import { EnvValue, parseDuration } from '@rivulet/platform';
import { CronTime, validateCronExpression } from 'cron';

const INTERVAL_MIN_MS = 1_000;

/** When scheduled cycles start. */
export interface Schedule {
  /** Milliseconds from now to the next start, before jitter. */
  delayMs(now: Date): number;
}

/** Reads an interval (`5m`) or a cron expression; undefined when it is neither. */
export function parseSchedule(text: string): Schedule | undefined {
  const intervalMs = parseDuration(text);
  if (intervalMs !== undefined)
    return intervalMs < INTERVAL_MIN_MS ? undefined : { delayMs: () => intervalMs };
  if (!validateCronExpression(text).valid) return undefined;
  const cron = new CronTime(text, 'UTC');
  const delayMs = (now: Date): number => cron.getNextDateFrom(now, 'UTC').toMillis() - now.getTime();
  return comesEver(delayMs) ? { delayMs: (now) => Math.max(0, delayMs(now)) } : undefined;
}

/** There are valid expressions for days that no month has, such as the 30th of February. */
function comesEver(delayMs: (now: Date) => number): boolean {
  try {
    delayMs(new Date());
    return true;
  } catch {
    return false;
  }
}

/** What stands for no schedule, where there need be none. */
export const NO_SCHEDULE = 'off';

/** For a variable of the environment. The text itself is kept; it has been found to be a schedule. */
export function IsSchedule({ orOff = false } = {}): PropertyDecorator {
  const isAccepted = (text: string): boolean =>
    (orOff && text === NO_SCHEDULE) || parseSchedule(text) !== undefined;
  return EnvValue({
    accepts:
      'an interval of at least 1s such as 5m, or a cron expression such as "*/5 * * * *"' +
      (orOff ? `, or ${NO_SCHEDULE}` : ''),
    parse: (text) => (isAccepted(text) ? text : undefined),
    format: String,
  });
}
