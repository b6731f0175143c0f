import type { HubTimeouts } from './http-hub';
import type { RetrySettings } from './transfer/retry';

/** Injection token of {@link hubTimeouts}. */
export const HUB_TIMEOUTS = Symbol('HUB_TIMEOUTS');

/** Injection token of {@link hubRetries}. */
export const HUB_RETRIES = Symbol('HUB_RETRIES');

export const hubTimeouts: HubTimeouts = {
  // Central may have to read a large dataset first, and says so three times within this time.
  requestTimeoutMs: 30_000,
  // Longer than a mobile network takes to hand a connection over; short enough to retry within the cycle.
  idleTimeoutMs: 20_000,
};

/**
 * 4 retries after 1, 2, 4 and 8 s, each times a random 1 to 2: a restart of central or a short loss of the network passes
 * within one cycle. A longer outage is left to the next cycle.
 */
export const hubRetries: RetrySettings = { retries: 4, minDelayMs: 1_000, maxDelayMs: 60_000 };
