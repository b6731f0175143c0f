import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { explainStale } from './explain-stale';
import { Freshness } from './freshness';

const LOOK_MAX_MS = 60_000;

/** Says in the log when the mirrors become older than they may be, and when they no longer are. */
@Injectable()
export class StaleWatch implements OnApplicationBootstrap {
  private readonly logger = new Logger('Sync');
  private wasStale = false;

  constructor(
    private readonly freshness: Freshness,
    private readonly registry: SchedulerRegistry,
  ) {}

  /** SchedulerRegistry clears the interval when the app stops. */
  onApplicationBootstrap(): void {
    const lookMs = Math.min(LOOK_MAX_MS, this.freshness.allowedMs / 2);
    this.registry.addInterval(
      'stale watch',
      setInterval(() => void this.look(), lookMs),
    );
  }

  /** A database that does not answer is reported by those who need it. */
  async look(): Promise<void> {
    const age = await this.freshness.read().catch(() => undefined);
    if (age === undefined || age.isStale === this.wasStale) return;
    this.wasStale = age.isStale;
    if (!age.isStale) {
      this.logger.log('The mirrors are confirmed by central again; they are no longer stale');
      return;
    }
    const { code, message, nextStep } = explainStale(age);
    this.logger.warn({ code }, `${message} ${nextStep}`);
  }
}
