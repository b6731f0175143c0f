import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';

/** How changes of the source are noticed, and how often scopes are read. */
@Injectable()
export class SourceMetrics {
  readonly queries: Gauge<'detection'>;
  readonly scopeLookups: Counter<'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.queries = new Gauge({
      name: 'rivulet_central_queries',
      help: 'Queries of the datasets file, the scope query included, by how their changes are noticed.',
      labelNames: ['detection'],
      registers,
    });
    this.scopeLookups = new Counter({
      name: 'rivulet_central_scope_lookups_total',
      help: 'Look-ups of the scope of a device: known already, or read from the source.',
      labelNames: ['result'],
      registers,
    });
    for (const result of ['cached', 'read']) this.scopeLookups.inc({ result }, 0);
  }
}
