import { RivuletError } from '@rivulet/errors';
import type { CollectionMetrics } from '../collection.metrics';

const RETRY_AFTER_SECONDS = 2;
/** A place is usually free again long before a network that was sent away is back. */
const WAIT_MAX_MS = 5_000;
const WAITING_MAX = 64;

/**
 * Bounds what goes on at once in this process: whoever finds no place waits for a moment, the first first, and is then
 * told to come back. A network has one place at most, so that it holds up nobody.
 */
export class Admission {
  private readonly busy = new Set<string>();
  private readonly waiting: (() => void)[] = [];
  private taken = 0;

  constructor(
    private readonly places: number,
    private readonly metrics: CollectionMetrics,
    private readonly waitMaxMs = WAIT_MAX_MS,
  ) {}

  /** @throws RivuletError COLLECTION_BUSY */
  async run<T>(deviceId: string, work: () => Promise<T>): Promise<T> {
    if (this.busy.has(deviceId)) throw this.refusal();
    this.busy.add(deviceId);
    try {
      await this.takePlace();
      try {
        return await work();
      } finally {
        this.leavePlace();
      }
    } finally {
      this.busy.delete(deviceId);
    }
  }

  private async takePlace(): Promise<void> {
    if (this.taken < this.places) {
      this.taken += 1;
      return;
    }
    if (this.waiting.length >= WAITING_MAX) throw this.refusal();
    await new Promise<void>((resolve, reject) => {
      const called = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(called), 1);
        reject(this.refusal());
      }, this.waitMaxMs);
      this.waiting.push(called);
    });
  }

  /** To the one that waits longest, if there is one. */
  private leavePlace(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.taken -= 1;
    else next();
  }

  private refusal(): RivuletError {
    this.metrics.refusals.inc({ code: 'COLLECTION_BUSY' });
    return new RivuletError('COLLECTION_BUSY', 'Central is taking in as many rows as it can.', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
}
