import { setTimeout as delay } from 'node:timers/promises';

/** Messages that may come at once, and that may come a second for long. */
const BURST = 100;
const PER_SECOND = 50;

/** A token bucket. Who sends faster is read more slowly, and loses nothing. */
export class MessagePace {
  private tokens = BURST;
  private countedAtMs = performance.now();

  /** Undefined when the message may be handled at once, which is nearly always. */
  take(): Promise<void> | undefined {
    const now = performance.now();
    this.tokens = Math.min(BURST, this.tokens + ((now - this.countedAtMs) / 1_000) * PER_SECOND) - 1;
    this.countedAtMs = now;
    return this.tokens >= 0 ? undefined : delay((-this.tokens / PER_SECOND) * 1_000);
  }
}
