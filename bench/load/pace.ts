import { setTimeout as delay } from 'node:timers/promises';

/**
 * When to begin the next piece of work, for any number of workers together. Whoever comes too late for a turn, since
 * all were waiting for an answer, has its wait counted from that turn on. Otherwise a stall of a second would be one
 * slow answer, instead of as many as there should have been in that time ("coordinated omission").
 */
export class Pace {
  private readonly start = performance.now();
  private turns = 0;

  /** Without a rate, each turn is now. */
  constructor(private readonly perSecond?: number) {}

  /** Waits for the next turn and returns the time to count from. */
  async next(): Promise<number> {
    if (this.perSecond === undefined) return performance.now();
    const due = this.start + (this.turns / this.perSecond) * 1000;
    this.turns += 1;
    const early = due - performance.now();
    if (early <= 0) return due;
    await delay(Math.ceil(early));
    return performance.now();
  }
}
