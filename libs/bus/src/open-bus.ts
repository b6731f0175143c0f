import type { Bus, BusEvents } from './bus';
import type { BusDriver } from './driver';
import { MessageBus } from './message-bus';
import { NatsDriver } from './nats/nats-driver';
import { PostgresDriver } from './postgres/postgres-driver';
import { RedisDriver } from './redis/redis-driver';

export interface BusOptions extends BusEvents {
  /** `postgres:` alone is the app's own database; otherwise `nats:`, `tls:`, `redis:` or `rediss:` with a host. */
  url: string;
  /** Has the tables of {@link createBusTables}. */
  databaseUrl: string;
}

/** Whether a text can stand in CENTRAL_BUS_URL. */
export function isBusUrl(text: string): boolean {
  return text === 'postgres:' || (/^(nats|tls|rediss?):\/\/./.test(text) && URL.canParse(text));
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
