import type { BusEnv } from './bus.env';

/** Which bus, as `openBus` takes it. */
export class BusOptions {
  url: string;
  databaseUrl: string;
}

/** @param databaseUrl - of central's own database */
export function resolveBus({ busUrl = 'postgres:' }: BusEnv, databaseUrl: string): BusOptions {
  return { url: busUrl, databaseUrl };
}
