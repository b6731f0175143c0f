import type { Bus, BusEvents } from './bus';
import type { BusDriver } from './driver';
import { MessageBus } from './message-bus';
import { PostgresDriver } from './postgres/postgres-driver';

interface BusOptions extends BusEvents {
  /** `postgres:` alone is the app's own database; otherwise `nats:`, `tls:`, `redis:` or `rediss:` with a host. */
  url: string;
  /** Has the tables of {@link createBusTables}. */
  databaseUrl: string;
}

/** Connects in the background: a bus that cannot be reached does not stop the app. The clients of the other buses are not even loaded. */
export async function openBus({ url, databaseUrl, ...events }: BusOptions): Promise<Bus> {
  if (url === 'postgres:') return new MessageBus('postgres:', new PostgresDriver(databaseUrl), events);
  const address = new URL(url);
  return new MessageBus(`${address.protocol}//${address.host}`, await driverFor(address), events);
}

async function driverFor(address: URL): Promise<BusDriver> {
  if (/^rediss?:$/.test(address.protocol)) {
    const { RedisDriver } = await import('./redis/redis-driver.js');
    return new RedisDriver(address);
  }
  const { NatsDriver } = await import('./nats/nats-driver.js');
  return new NatsDriver(address);
}
