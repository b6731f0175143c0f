import { Injectable } from '@nestjs/common';
import { Counter, Registry } from 'prom-client';

@Injectable()
export class ConfigurationsMetrics {
  /** `unchanged`: 304, from memory. */
  readonly answers: Counter<'outcome'>;
  readonly versions: Counter;
  readonly reports: Counter<'status'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.answers = new Counter({
      name: 'rivulet_central_configuration_answers_total',
      help: 'Answers to devices that asked for a configuration: unchanged, sent or none.',
      labelNames: ['outcome'],
      registers,
    });
    this.versions = new Counter({
      name: 'rivulet_central_configuration_versions_total',
      help: 'Versions of configurations that were added.',
      registers,
    });
    this.reports = new Counter({
      name: 'rivulet_central_configuration_reports_total',
      help: 'Reports of devices about a configuration: APPLYING, APPLIED, FAILED.',
      labelNames: ['status'],
      registers,
    });
  }
}
