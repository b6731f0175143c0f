import { busLimits } from './limits';

/** Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export function reconnectDelayMs(attempt: number): number {
  const { first, most } = busLimits.reconnectMs;
  return first + Math.random() * Math.min(most - first, first * 2 ** Math.min(attempt, 10));
}
