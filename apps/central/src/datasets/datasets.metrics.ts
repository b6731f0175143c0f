import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';

/** Which datasets are in force, and whether they can be served. */
@Injectable()
export class DatasetsMetrics {
  readonly loaded: Gauge;
  readonly unfit: Gauge;
  readonly reloads: Counter<'outcome'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.loaded = new Gauge({
      name: 'rivulet_central_datasets',
      help: 'Datasets in force.',
      registers,
    });
    this.unfit = new Gauge({
      name: 'rivulet_central_datasets_unfit',
      help: '1 while the tables of the source do not fit the datasets file, so that no device can sync.',
      registers,
    });
    this.reloads = new Counter({
      name: 'rivulet_central_datasets_reloads_total',
      help: 'Reloads of the datasets file, by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    this.reloads.inc({ outcome: 'loaded' }, 0);
    this.reloads.inc({ outcome: 'failed' }, 0);
  }
}
