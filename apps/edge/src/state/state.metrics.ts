import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { SyncState } from './sync-state';

/** Figures that are read from the database when Prometheus asks for them. NaN while the database is away. */
@Injectable()
export class StateMetrics {
  constructor(registry: Registry, state: SyncState) {
    const registers = [registry];
    const pending: Gauge = new Gauge({
      name: 'rivulet_edge_acknowledgements_pending',
      help: 'Applied manifests whose report central has not confirmed.',
      registers,
      collect: async () => pending.set(await orNaN(state.countUnacknowledged())),
    });
  }
}

/** A scrape still has all other figures when the database does not answer. */
async function orNaN(figure: Promise<number>): Promise<number> {
  return figure.catch(() => Number.NaN);
}
