import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class AccessMetrics {
  readonly refusals: Counter<'rule' | 'code'>;

  constructor(registry: Registry) {
    this.refusals = new Counter({
      name: 'rivulet_access_refusals_total',
      help: 'Calls that were refused because of who made them, by the rule of the route and error code.',
      labelNames: ['rule', 'code'],
      registers: [registry],
    });
  }
}
