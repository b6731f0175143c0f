import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';
import type { SyncResult } from '../state/sync-result';

const BUCKETS_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800];

@Injectable()
export class SyncMetrics {
  private readonly cycles: Counter<'trigger' | 'status'>;
  private readonly seconds: Histogram<'phase'>;
  private readonly rowsChanged: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.cycles = new Counter({
      name: 'rivulet_edge_sync_cycles_total',
      help: 'Finished sync cycles.',
      labelNames: ['trigger', 'status'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'rivulet_edge_sync_phase_seconds',
      help: 'Duration of a cycle by phase: request, download, apply, verify, and the total.',
      labelNames: ['phase'],
      buckets: BUCKETS_SECONDS,
      registers,
    });
    this.rowsChanged = new Counter({
      name: 'rivulet_edge_rows_changed_total',
      help: 'Rows that syncs have inserted, updated or deleted.',
      registers,
    });
  }

  finished({ trigger, status, durations, tables }: SyncResult): void {
    this.cycles.inc({ trigger, status });
    for (const [name, ms] of Object.entries(durations)) {
      this.seconds.observe({ phase: name.replace(/Ms$/, '') }, (ms as number) / 1000);
    }
    this.rowsChanged.inc(tables.reduce((sum, { rowsChanged }) => sum + rowsChanged, 0));
  }
}
