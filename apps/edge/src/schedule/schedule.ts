import { EnvValue, parseDuration } from '@rivulet/platform';
import { CronTime, validateCronExpression } from 'cron';

const INTERVAL_MIN_MS = 1_000;

/** When scheduled work starts. */
export interface Schedule {
  /** Milliseconds from now to the next start, before jitter. */
  delayMs(now: Date): number;
}

/** Parses an interval (`5m`) or a cron expression; undefined when the text is neither. */
export function parseSchedule(text: string): Schedule | undefined {
  const intervalMs = parseDuration(text);
  if (intervalMs !== undefined)
    return intervalMs < INTERVAL_MIN_MS ? undefined : { delayMs: () => intervalMs };
  if (!validateCronExpression(text).valid) return undefined;
  const cron = new CronTime(text, 'UTC');
  const delayMs = (now: Date): number => cron.getNextDateFrom(now, 'UTC').toMillis() - now.getTime();
  return comesEver(delayMs) ? { delayMs: (now) => Math.max(0, delayMs(now)) } : undefined;
}

/** Some valid expressions name days that no month has, such as the 30th of February. */
function comesEver(delayMs: (now: Date) => number): boolean {
  try {
    delayMs(new Date());
    return true;
  } catch {
    return false;
  }
}

/** Stands for no schedule, where the schedule is optional. */
const NO_SCHEDULE = 'off';

/** For an environment variable. The property keeps the text, which is a valid schedule. */
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
