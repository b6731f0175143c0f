import { Registry } from 'prom-client';
import { syncResult } from '../../test/sync-result-fixture';
import { SyncMetrics } from './sync.metrics';

describe('the metrics of syncs', () => {
  it('count cycles and rows, and time the phases', async () => {
    const registry = new Registry();
    const metrics = new SyncMetrics(registry);
    const durations = { requestMs: 40, downloadMs: 0, applyMs: 20, verifyMs: 10, totalMs: 2_000 };
    const table = { name: 'a', table: 'a', action: 'patched', rows: 9, bytes: 90, checksum: '' } as const;
    const tables = [2, 3].map((rowsChanged) => ({ ...table, rowsChanged }));
    metrics.finished(syncResult({ status: 'applied', durations, tables }));
    metrics.finished(syncResult({ status: 'failed' }));

    const text = await registry.metrics();
    expect(text).toContain('rivulet_edge_sync_cycles_total{trigger="operator",status="applied"} 1');
    expect(text).toContain('rivulet_edge_sync_cycles_total{trigger="operator",status="failed"} 1');
    expect(text).toContain('rivulet_edge_sync_phase_seconds_sum{phase="total"} 2');
    expect(text).toContain('rivulet_edge_rows_changed_total 5');
  });
});
