import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { SpoolFile } from './spool-file';

@Injectable()
export class SpoolMetrics {
  constructor(registry: Registry, spool: SpoolFile) {
    const size: Gauge = new Gauge({
      name: 'rivulet_edge_spool_bytes',
      help: 'Bytes of downloaded frames that wait to be applied.',
      registers: [registry],
      collect: () => size.set(spool.bytes),
    });
  }
}
