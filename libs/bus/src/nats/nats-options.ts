import type { ConnectionOptions } from '@nats-io/transport-node';
import { busLimits } from '../limits';
import { reconnectDelayMs } from '../reconnect-delay';

/** How every connection to NATS is made, and made again. */
export function natsOptions(url: URL): ConnectionOptions {
  const user = decodeURIComponent(url.username);
  const pass = decodeURIComponent(url.password);
  return {
    servers: url.host,
    name: 'rivulet',
    ...(pass === '' ? user !== '' && { token: user } : { user, pass }),
    ...(url.protocol === 'tls:' && { tls: {} }),
    timeout: busLimits.publishTimeoutMs,
    pingInterval: busLimits.heartbeatMs,
    maxPingOut: 1,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => reconnectDelayMs(3),
  };
}
