import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class RateLimitsMetrics {
  readonly limited: Counter<'limit'>;

  constructor(registry: Registry) {
    this.limited = new Counter({
      name: 'rivulet_rate_limited_total',
      help: 'Calls that were refused because their caller makes too many, by limit: device, operator or address.',
      labelNames: ['limit'],
      registers: [registry],
    });
  }
}
