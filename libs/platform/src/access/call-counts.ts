import { LRUCache } from 'lru-cache';
import { atMostEntries } from '../at-most-entries';

interface Window {
  calls: number;
  /** By the monotonic clock. */
  untilMs: number;
}

/**
 * Counts calls by caller, in windows that begin with a caller's first call. The callers heard longest ago are forgotten.
 * It answers at once: the promises of `@fastify/rate-limit` took more of a small answer's time than the counting.
 */
export class CallCounts {
  private readonly windows: LRUCache<string, Window>;

  constructor(
    private readonly max: number,
    private readonly windowMs: number,
    callersMax: number,
  ) {
    this.windows = new LRUCache(atMostEntries(callersMax));
  }

  /** @returns how long the caller is to wait, where this call is one too many; 0 where it is not */
  take(caller: string): number {
    const nowMs = performance.now();
    const known = this.windows.get(caller);
    if (known === undefined || known.untilMs <= nowMs) {
      this.windows.set(caller, { calls: 1, untilMs: nowMs + this.windowMs });
      return 0;
    }
    known.calls++;
    return known.calls > this.max ? known.untilMs - nowMs : 0;
  }
}
