import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { Freshness, type MirrorAge } from './freshness';

/** How old the mirrors are when Prometheus asks. NaN while the database is away. */
@Injectable()
export class FreshnessMetrics {
  constructor(registry: Registry, freshness: Freshness) {
    const registers = [registry];
    const orNaN = (figure: (age: MirrorAge) => number): Promise<number> =>
      freshness.read().then(figure, () => Number.NaN);
    const age: Gauge = new Gauge({
      name: 'rivulet_edge_last_confirmed_sync_age_seconds',
      help: 'Time since the mirrors were last confirmed to be up to date. NaN on an edge that has never synced.',
      registers,
      collect: async () => age.set(await orNaN(({ ageMs }) => (ageMs === null ? Number.NaN : ageMs / 1_000))),
    });
    const stale: Gauge = new Gauge({
      name: 'rivulet_edge_stale',
      help: '1 while central has not confirmed the mirrors for longer than EDGE_STALE_AFTER.',
      registers,
      collect: async () => stale.set(await orNaN(({ isStale }) => Number(isStale))),
    });
  }
}
