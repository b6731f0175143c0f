import { RivuletError } from '@rivulet/errors';

/** @throws RivuletError ENVIRONMENT_INVALID when a client that is there could not show it in time */
export function checkPingTimes({
  pingIntervalMs,
  pongWaitMs,
}: {
  pingIntervalMs: number;
  pongWaitMs: number;
}): void {
  if (pongWaitMs > pingIntervalMs) return;
  throw new RivuletError(
    'ENVIRONMENT_INVALID',
    'CENTRAL_REALTIME_PONG_WAIT must be longer than CENTRAL_REALTIME_PING_INTERVAL: a client that is quiet answers pings, and nothing else is heard of it.',
  );
}
