import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { SyncState } from './sync-state';

/** Figures that are read from the database when Prometheus asks for them. NaN while the database is away. */
@Injectable()
export class StateMetrics {
  constructor(registry: Registry, state: SyncState) {
    const registers = [registry];
    const confirmedAge: Gauge = new Gauge({
      name: 'rivulet_edge_last_confirmed_sync_age_seconds',
      help: 'Time since the mirrors were last confirmed to be up to date. NaN on an edge that has never synced.',
      registers,
      collect: async () => confirmedAge.set(await orNaN(secondsSinceConfirmed(state))),
    });
    const pending: Gauge = new Gauge({
      name: 'rivulet_edge_acknowledgements_pending',
      help: 'Applied manifests whose report central has not confirmed.',
      registers,
      collect: async () => pending.set(await orNaN(state.countUnacknowledged())),
    });
  }
}

async function secondsSinceConfirmed(state: SyncState): Promise<number> {
  const at = await state.lastConfirmedAt();
  return at === null ? Number.NaN : Math.max(0, (Date.now() - at.getTime()) / 1000);
}

/** A scrape still has all other figures when the database does not answer. */
async function orNaN(figure: Promise<number>): Promise<number> {
  return figure.catch(() => Number.NaN);
}
