import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class CollectionMetrics {
  /** `result`: `sent`, or an error code. */
  readonly runs: Counter<'result'>;
  readonly rows: Counter;
  readonly droppedRuns: Counter;
  readonly keptRuns: Counter<'result'>;

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
    this.keptRuns = new Counter({
      name: 'rivulet_edge_collection_kept_runs_total',
      help: 'Scheduled times that came while central was away: read, failed, missed (noticed too late).',
      labelNames: ['result'],
      registers,
    });
  }
}
