import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 100;
const TIMEOUT_MS = 2_000;
const DEADLINE_MS = 60_000;

/** Whether the app at this URL became ready, by its own word. */
export async function becomesReady(url: string, signal: AbortSignal): Promise<boolean> {
  const startedAt = performance.now();
  while (!signal.aborted && performance.now() - startedAt < DEADLINE_MS) {
    if (await isReady(url)) return true;
    await delay(POLL_MS);
  }
  return false;
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.status === 200;
  } catch {
    return false;
  }
}
