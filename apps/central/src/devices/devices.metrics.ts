import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class DevicesMetrics {
  readonly keyRotations: Counter;

  constructor(registry: Registry) {
    this.keyRotations = new Counter({
      name: 'rivulet_central_device_key_rotations_total',
      help: 'New keys of devices that took the place of old ones.',
      registers: [registry],
    });
  }
}
