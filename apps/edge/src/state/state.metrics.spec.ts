import { Registry } from 'prom-client';
import { StateMetrics } from './state.metrics';
import type { SyncState } from './sync-state';

async function scrape(state: Partial<SyncState>): Promise<string> {
  const registry = new Registry();
  expect(new StateMetrics(registry, state as SyncState)).toBeDefined();
  return registry.metrics();
}

describe('the metrics of the state', () => {
  it('are the age of the last confirmed sync and the pending acknowledgements', async () => {
    const text = await scrape({
      lastConfirmedAt: () => Promise.resolve(new Date(Date.now() - 60_000)),
      countUnacknowledged: () => Promise.resolve(2),
    });

    expect(text).toMatch(/^rivulet_edge_last_confirmed_sync_age_seconds 6\d(\.\d+)?$/m);
    expect(text).toMatch(/^rivulet_edge_acknowledgements_pending 2$/m);
  });

  it('are not numbers on a new edge, and while the database is away', async () => {
    const text = await scrape({
      lastConfirmedAt: () => Promise.resolve(null),
      countUnacknowledged: () => Promise.reject(new Error('It is gone.')),
    });

    expect(text).toMatch(/^rivulet_edge_last_confirmed_sync_age_seconds nan$/im);
    expect(text).toMatch(/^rivulet_edge_acknowledgements_pending nan$/im);
  });
});
