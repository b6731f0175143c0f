import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class DevicesMetrics {
  readonly refusals: Counter<'code'>;

  constructor(registry: Registry) {
    this.refusals = new Counter({
      name: 'rivulet_central_device_refusals_total',
      help: 'Calls of device routes that were not authenticated, by error code.',
      labelNames: ['code'],
      registers: [registry],
    });
  }
}
