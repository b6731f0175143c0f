import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DrainState } from '../health/drain-state';
import type { AppLogger } from '../logging/logger';
import type { Connections } from './connections';

export interface RunningApp {
  app: NestFastifyApplication;
  connections: Connections;
  logger: AppLogger;
}

export interface ShutdownOptions {
  /** Between saying "not ready" and refusing work, for load balancers to notice. */
  graceMs: number;
  /** For everything after the grace period. */
  timeoutMs: number;
}

/** Part of the time after which a download is broken off: the device resumes it elsewhere, and modules still close. */
const CUT_AT = 0.8;

/**
 * Stops an app in the order that loses nothing: probes say no; after the grace period new requests are refused;
 * modules finish or abort their work (onModuleDestroy); connections end, each when its last response is sent; the
 * database pool closes (onApplicationShutdown).
 *
 * @returns the exit code: 1 when the deadline came first
 */
export async function stopApp(
  { app, connections, logger }: RunningApp,
  { graceMs, timeoutMs }: ShutdownOptions,
): Promise<number> {
  const drainState = app.get(DrainState);
  drainState.startDraining();
  if (graceMs > 0) await sleep(graceMs);
  drainState.startClosing();

  const cut = setTimeout(() => {
    const count = connections.cut();
    if (count > 0) logger.info(`Requests still under way, broken off: ${count}`);
  }, timeoutMs * CUT_AT);
  const deadline = new AbortController();
  const closed = app.close().then(
    () => 'closed' as const,
    (error: unknown) => {
      logger.error({ err: error }, 'Something failed while stopping');
      return 'failed' as const;
    },
  );
  const late = sleep(timeoutMs, 'late' as const, { signal: deadline.signal }).catch(() => 'closed' as const);
  const outcome = await Promise.race([closed, late]);
  deadline.abort();
  clearTimeout(cut);
  if (outcome === 'late') logger.warn(`Not stopped within ${timeoutMs} ms; leaving the rest undone`);
  return outcome === 'closed' ? 0 : 1;
}
