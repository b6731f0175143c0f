import { createPool } from '@rivulet/postgres';
import type { BusOptions } from '../../bus/bus-options';
import type { RealtimeEnv } from '../realtime.env';
import type { History } from './history';
import { JetStreamHistory } from './jetstream/jetstream-history';
import { PostgresHistory } from './postgres/postgres-history';
import { RedisHistory } from './redis/redis-history';

/** Connections of the history: appends take turns, and recoveries share what they read. */
const DATABASE_CONNECTIONS = 4;

/** By the settings alone, so that all processes of central have the same. It connects in the background. */
export function openHistory(
  { url }: Pick<BusOptions, 'url'>,
  { history }: Pick<RealtimeEnv, 'history'>,
  databaseUrl: string,
): History {
  const { protocol } = new URL(url);
  if (history === 'postgres' || protocol === 'postgres:') {
    const applicationName = 'rivulet central topics';
    return new PostgresHistory(
      createPool({ url: databaseUrl, applicationName, maxConnections: DATABASE_CONNECTIONS }),
    );
  }
  return /^rediss?:$/.test(protocol) ? new RedisHistory(url) : new JetStreamHistory(url);
}
