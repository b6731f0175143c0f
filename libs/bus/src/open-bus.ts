import type { Bus, BusEvents } from './bus';
import type { BusDriver } from './driver';
import { MessageBus } from './message-bus';
import { NatsDriver } from './nats/nats-driver';
import { PostgresDriver } from './postgres/postgres-driver';
import { RedisDriver } from './redis/redis-driver';

interface BusOptions extends BusEvents {
  /** `postgres:` alone is the app's own database; otherwise `nats:`, `tls:`, `redis:` or `rediss:` with a host. */
  url: string;
  /** Has the tables of {@link createBusTables}. */
  databaseUrl: string;
}

/** Connects in the background: a bus that cannot be reached does not stop the app. */
export function openBus({ url, databaseUrl, ...events }: BusOptions): Bus {
  if (url === 'postgres:') return new MessageBus('postgres:', new PostgresDriver(databaseUrl), events);
  const address = new URL(url);
  return new MessageBus(`${address.protocol}//${address.host}`, driverFor(address), events);
}

function driverFor(address: URL): BusDriver {
  return /^rediss?:$/.test(address.protocol) ? new RedisDriver(address) : new NatsDriver(address);
}
