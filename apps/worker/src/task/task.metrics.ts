import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class TaskMetrics {
  readonly runs: Counter<'outcome'>;

  constructor(registry: Registry) {
    this.runs = new Counter({
      name: 'rivulet_worker_tasks_total',
      help: 'Tasks that were run: answered, or the code of the error.',
      labelNames: ['outcome'],
      registers: [registry],
    });
  }
}
