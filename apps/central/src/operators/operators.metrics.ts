import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class OperatorsMetrics {
  readonly refusals: Counter;

  constructor(registry: Registry) {
    this.refusals = new Counter({
      name: 'rivulet_central_operator_refusals_total',
      help: 'Calls of operator routes that came from another machine, or through a proxy.',
      registers: [registry],
    });
  }
}
