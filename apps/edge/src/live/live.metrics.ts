import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';

@Injectable()
export class LiveMetrics {
  readonly connected: Gauge;
  readonly nudges: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.connected = new Gauge({
      name: 'rivulet_edge_live_connected',
      help: '1 while the live connection to central is there.',
      registers,
    });
    this.nudges = new Counter({
      name: 'rivulet_edge_nudges_total',
      help: 'Times that central asked for a sync.',
      registers,
    });
  }
}
