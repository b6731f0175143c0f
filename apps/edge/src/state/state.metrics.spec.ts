import { Registry } from 'prom-client';
import { StateMetrics } from './state.metrics';
import type { SyncState } from './sync-state';

async function scrape(state: Partial<SyncState>): Promise<string> {
  const registry = new Registry();
  expect(new StateMetrics(registry, state as SyncState)).toBeDefined();
  return registry.metrics();
}

describe('the metrics of the state', () => {
  it('are the pending acknowledgements', async () => {
    const text = await scrape({ countUnacknowledged: () => Promise.resolve(2) });

    expect(text).toMatch(/^rivulet_edge_acknowledgements_pending 2$/m);
  });

  it('are not numbers while the database is away', async () => {
    const text = await scrape({ countUnacknowledged: () => Promise.reject(new Error('It is gone.')) });

    expect(text).toMatch(/^rivulet_edge_acknowledgements_pending nan$/im);
  });
});
