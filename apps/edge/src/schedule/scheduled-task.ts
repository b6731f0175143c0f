import { Logger } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import { namedError } from '@rivulet/platform';
import type { Schedule } from './schedule';

/** setTimeout takes 31 bits, and fires at once when asked for more: a monthly schedule waits in steps. */
const STEP_MAX_MS = 2 ** 31 - 1;

/** Why a task runs: because the app has started, or because its time has come. */
export type Occasion = 'start' | 'schedule';

/** Runs something by a schedule, each time with jitter, until the app stops. It never gives up. */
export class ScheduledTask {
  private readonly logger = new Logger('Schedule');
  private next: Date | undefined;

  constructor(
    /** For the log, as in "No sync this time", and in the registry. */
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

  /** The first run is at the time that the schedule names, or within the given time of now. */
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

  /** The next run is planned before this one: one that takes longer than the interval is joined by it. */
  private async run(occasion: Occasion): Promise<void> {
    this.plan();
    try {
      await this.work(occasion);
    } catch (error) {
      const { code, message } = namedError(error);
      if (code === 'INTERNAL')
        this.logger.error(error, `No ${this.name} this time, for a reason that is not known`);
      else this.logger.warn({ code }, `No ${this.name} this time: ${message}`);
    }
  }
}
