import { createPool } from '@rivulet/postgres';
import type { BusOptions } from '../../bus/bus-options';
import type { RealtimeEnv } from '../realtime.env';
import type { History } from './history';
import { PostgresHistory } from './postgres/postgres-history';

/** Connections of the history: appends take turns, and recoveries share what they read. */
const DATABASE_CONNECTIONS = 4;

/** By the settings alone, so that all processes of central have the same. It connects in the background. Only its own client is loaded. */
export async function openHistory(
  { url }: Pick<BusOptions, 'url'>,
  { history }: Pick<RealtimeEnv, 'history'>,
  databaseUrl: string,
): Promise<History> {
  const { protocol } = new URL(url);
  if (history === 'postgres' || protocol === 'postgres:') {
    const applicationName = 'rivulet central topics';
    return new PostgresHistory(
      createPool({ url: databaseUrl, applicationName, maxConnections: DATABASE_CONNECTIONS }),
    );
  }
  if (/^rediss?:$/.test(protocol)) {
    const { RedisHistory } = await import('./redis/redis-history.js');
    return new RedisHistory(url);
  }
  const { JetStreamHistory } = await import('./jetstream/jetstream-history.js');
  return new JetStreamHistory(url);
}
