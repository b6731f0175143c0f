import { Logger } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import { namedError } from '@rivulet/platform';
import type { Schedule } from './schedule';

/** setTimeout takes 31 bits and fires at once when asked for more, so a monthly schedule waits in steps. */
const STEP_MAX_MS = 2 ** 31 - 1;

/** Why a task runs: the app has started, or the scheduled time has come. */
export type Occasion = 'start' | 'schedule';

/** Runs work on a schedule, each time with jitter, until the app stops. A failed run does not end the schedule. */
export class ScheduledTask {
  private readonly logger = new Logger('Schedule');
  private next: Date | undefined;

  constructor(
    /** Used in the log, as in "The scheduled sync did not run", and in the registry. */
    private readonly name: string,
    private readonly schedule: Schedule,
    private readonly jitterMs: number,
    private readonly registry: SchedulerRegistry,
    private readonly work: (occasion: Occasion) => Promise<unknown>,
  ) {}

  /** When it runs next, by this machine's clock. */
  get nextRunAt(): Date | undefined {
    return this.next;
  }

  /** The first run is at the scheduled time, or after a random time up to the given delay. */
  start(firstDelayMs?: number): void {
    if (firstDelayMs === undefined) this.plan();
    else this.runAfter(Math.random() * firstDelayMs, 'start');
  }

  private plan(): void {
    const jitterMs = Math.random() * this.jitterMs;
    this.runAfter(this.schedule.delayMs(new Date()) + jitterMs, 'schedule');
  }

  /** SchedulerRegistry clears the timeout when the app stops. */
  private runAfter(delayMs: number, occasion: Occasion): void {
    const timeout = `next ${this.name}`;
    this.next = new Date(Date.now() + delayMs);
    if (this.registry.doesExist('timeout', timeout)) this.registry.deleteTimeout(timeout);
    const stepMs = Math.min(delayMs, STEP_MAX_MS);
    const onTimeout = (): void => {
      if (stepMs < delayMs) this.runAfter(delayMs - stepMs, occasion);
      else void this.run(occasion);
    };
    this.registry.addTimeout(timeout, setTimeout(onTimeout, stepMs));
  }

  /** The next run is planned before this one starts: when this one takes longer than the interval, the next one joins it. */
  private async run(occasion: Occasion): Promise<void> {
    this.plan();
    try {
      await this.work(occasion);
    } catch (error) {
      const { code, message } = namedError(error);
      if (code === 'INTERNAL')
        this.logger.error(error, `The scheduled ${this.name} did not run, because of an unknown error`);
      else this.logger.warn({ code }, `The scheduled ${this.name} did not run: ${message}`);
    }
  }
}
