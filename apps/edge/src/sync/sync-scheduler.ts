import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { namedError } from '@rivulet/platform';
import { EdgeEnv } from '../edge-env';
import { parseSchedule, type Schedule } from './schedule';
import type { SyncTrigger } from './sync-result';
import { SyncService } from './sync.service';

const TIMEOUT = 'next sync';

/** setTimeout takes 31 bits, and fires at once when asked for more: a monthly schedule waits in steps. */
const STEP_MAX_MS = 2 ** 31 - 1;

/** Starts a cycle soon after the start of the app, and then by the schedule, each time with jitter. */
@Injectable()
export class SyncScheduler implements OnApplicationBootstrap {
  private readonly logger = new Logger('Schedule');
  private readonly schedule: Schedule;
  private next: Date | undefined;

  constructor(
    private readonly env: EdgeEnv,
    private readonly registry: SchedulerRegistry,
    private readonly sync: SyncService,
  ) {
    this.schedule = parseSchedule(env.syncSchedule)!;
  }

  /** When the next scheduled cycle starts, by this machine's clock. */
  get nextRunAt(): Date | undefined {
    return this.next;
  }

  onApplicationBootstrap(): void {
    this.startAfter(Math.random() * this.env.firstSyncDelayMs, 'start');
  }

  /** SchedulerRegistry clears the timeout when the app stops. */
  private startAfter(delayMs: number, trigger: SyncTrigger): void {
    this.next = new Date(Date.now() + delayMs);
    if (this.registry.doesExist('timeout', TIMEOUT)) this.registry.deleteTimeout(TIMEOUT);
    const stepMs = Math.min(delayMs, STEP_MAX_MS);
    const onTimeout = (): void => {
      if (stepMs < delayMs) this.startAfter(delayMs - stepMs, trigger);
      else void this.run(trigger);
    };
    this.registry.addTimeout(TIMEOUT, setTimeout(onTimeout, stepMs));
  }

  /** The next is planned before this one runs: a cycle that takes longer than the interval is joined by it. */
  private async run(trigger: SyncTrigger): Promise<void> {
    const jitterMs = Math.random() * this.env.syncJitterMs;
    this.startAfter(this.schedule.delayMs(new Date()) + jitterMs, 'schedule');
    try {
      await this.sync.sync(trigger);
    } catch (error) {
      const { code, message } = namedError(error);
      if (code === 'INTERNAL') this.logger.error(error, 'No sync this time, for a reason that is not known');
      else this.logger.warn({ code }, `No sync this time: ${message}`);
    }
  }
}
