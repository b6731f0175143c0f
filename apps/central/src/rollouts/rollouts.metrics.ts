import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class RolloutsMetrics {
  readonly events: Counter<'kind' | 'what'>;

  constructor(registry: Registry) {
    this.events = new Counter({
      name: 'rivulet_central_rollout_events_total',
      help: 'What happened to rollouts: created, began, passed, paused, resumed, completed, aborted.',
      labelNames: ['kind', 'what'],
      registers: [registry],
    });
  }
}
