import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** How changes of the source are noticed, and how often scopes are read. */
@Injectable()
export class SourceMetrics {
  readonly queries: Gauge<'detection'>;
  readonly tables: Gauge<'tracking'>;
  readonly scopeLookups: Counter<'result'>;
  private readonly looks: Histogram<'outcome'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.queries = new Gauge({
      name: 'rivulet_central_queries',
      help: 'Queries of the datasets file, the scope query included, by how their changes are noticed.',
      labelNames: ['detection'],
      registers,
    });
    this.tables = new Gauge({
      name: 'rivulet_central_tables',
      help: 'Tables that a query reads, counted for each query, by which of their changes have it read again.',
      labelNames: ['tracking'],
      registers,
    });
    this.scopeLookups = new Counter({
      name: 'rivulet_central_scope_lookups_total',
      help: 'Look-ups of the scope of a device: known already, or read from the source.',
      labelNames: ['result'],
      registers,
    });
    this.looks = new Histogram({
      name: 'rivulet_central_definition_look_seconds',
      help: 'Looks at the definitions in the source that the datasets depend on, by outcome.',
      labelNames: ['outcome'],
      buckets: [0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    });
    for (const result of ['cached', 'read']) this.scopeLookups.inc({ result }, 0);
    for (const outcome of ['done', 'failed']) this.looks.zero({ outcome });
  }

  look(durationMs: number, isDone: boolean): void {
    this.looks.observe({ outcome: isDone ? 'done' : 'failed' }, durationMs / 1_000);
  }
}
