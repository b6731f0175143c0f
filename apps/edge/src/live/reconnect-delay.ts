const FIRST_MS = 2_000;
const MOST_MS = 60_000;

/**
 * Full jitter, so that a fleet whose central has restarted does not come back at once:
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param failures - in a row
 */
export function reconnectDelayMs(failures: number, retryAfterMs = 0, random = Math.random): number {
  return retryAfterMs + random() * Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
}
