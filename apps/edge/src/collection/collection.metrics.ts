import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class CollectionMetrics {
  /** `result`: `sent`, or an error code. */
  readonly runs: Counter<'result'>;
  readonly rows: Counter;
  readonly droppedRuns: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.runs = new Counter({
      name: 'rivulet_edge_collection_runs_total',
      help: 'Runs that this device took part in, by result: sent, or an error code.',
      labelNames: ['result'],
      registers,
    });
    this.rows = new Counter({
      name: 'rivulet_edge_collection_rows_total',
      help: 'Rows that central has committed.',
      registers,
    });
    this.droppedRuns = new Counter({
      name: 'rivulet_edge_collection_dropped_runs_total',
      help: 'Runs whose rows were dropped, as EDGE_COLLECT_SPOOL_BYTES had no room for more.',
      registers,
    });
  }
}
