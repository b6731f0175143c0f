import type { RedisOptions } from 'ioredis';
import { busLimits } from '../limits';
import { reconnectDelayMs } from '../reconnect-delay';

/** How every connection to Redis is made, and made again. */
export const redisOptions: RedisOptions = {
  lazyConnect: true,
  connectionName: 'rivulet',
  connectTimeout: busLimits.publishTimeoutMs,
  keepAlive: busLimits.heartbeatMs,
  maxRetriesPerRequest: null,
  retryStrategy: reconnectDelayMs,
};
