import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class UsersMetrics {
  readonly logins: Counter<'outcome'>;

  constructor(registry: Registry) {
    this.logins = new Counter({
      name: 'rivulet_central_logins_total',
      help: 'Passwords that operators have sent, and that were not remembered: passed, failed, throttled.',
      labelNames: ['outcome'],
      registers: [registry],
    });
  }
}
