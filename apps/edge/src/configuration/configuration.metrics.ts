import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class ConfigurationMetrics {
  readonly polls: Counter<'outcome'>;

  constructor(registry: Registry) {
    this.polls = new Counter({
      name: 'rivulet_edge_configuration_polls_total',
      help: 'Questions to central for a configuration: unchanged, changed, or the code of the error.',
      labelNames: ['outcome'],
      registers: [registry],
    });
  }
}
