import { setTimeout as sleep } from 'node:timers/promises';
import { RivuletError } from '@rivulet/errors';
import pRetry from 'p-retry';

export interface RetrySettings {
  retries: number;
  /** Before the first retry; doubled with each, and multiplied by a random factor from 1 to 2. */
  minDelayMs: number;
  maxDelayMs: number;
}

/** When central asks for a longer wait than this, the next cycle tries again instead. */
const RETRY_AFTER_MAX_SECONDS = 60;

/** Retries after transient failures, with jitter, and waits at least as long as Retry-After asks. */
export async function withRetries<T>(
  work: () => Promise<T>,
  settings: RetrySettings,
  signal: AbortSignal,
  onRetry: (error: RivuletError, attempt: number) => void,
): Promise<T> {
  return pRetry(work, {
    retries: settings.retries,
    minTimeout: settings.minDelayMs,
    maxTimeout: settings.maxDelayMs,
    factor: 2,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => isWorthRetrying(error),
    onFailedAttempt: async ({ error, attemptNumber, retriesLeft, retryDelay }) => {
      if (retriesLeft === 0 || !isWorthRetrying(error)) return;
      onRetry(error, attemptNumber);
      const askedMs = (error.retryAfterSeconds ?? 0) * 1000;
      // pRetry checks the signal next and throws its reason.
      if (askedMs > retryDelay)
        await sleep(askedMs - retryDelay, undefined, { signal }).catch(() => undefined);
    },
  });
}

function isWorthRetrying(error: Error): error is RivuletError {
  if (!(error instanceof RivuletError) || !error.isTransient) return false;
  // The same request would get the same manifest.
  if (error.code === 'MANIFEST_EXPIRED') return false;
  return (error.retryAfterSeconds ?? 0) <= RETRY_AFTER_MAX_SECONDS;
}
