import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { SourceDatabase } from './source-database';

/** How busy the connections to the source are. */
@Injectable()
export class SourceDatabaseMetrics {
  readonly connections: Gauge<'state'>;

  constructor(registry: Registry, { pool }: SourceDatabase) {
    this.connections = new Gauge({
      name: 'rivulet_central_source_connections',
      help: 'Connections to the source, and requests that wait for one, by state.',
      labelNames: ['state'],
      registers: [registry],
      collect() {
        this.set({ state: 'busy' }, pool.totalCount - pool.idleCount);
        this.set({ state: 'idle' }, pool.idleCount);
        this.set({ state: 'waiting' }, pool.waitingCount);
      },
    });
  }
}
