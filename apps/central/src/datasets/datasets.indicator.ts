import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { CurrentDatasets } from './current-datasets';

/** Degraded while the source does not fit the datasets file: devices get no manifest, and payloads are still served. */
@Injectable()
export class DatasetsIndicator implements HealthIndicator {
  readonly name = 'datasets';
  readonly probes: readonly Probe[] = [];

  constructor(private readonly datasets: CurrentDatasets) {}

  check(): Promise<HealthCheckOutcome> {
    const { catalogue, loadedAt, problem } = this.datasets;
    const detail = {
      datasets: catalogue.datasets.length,
      loadedAt: loadedAt.toISOString(),
      ...(problem !== undefined && { problem: problem.message }),
    };
    return Promise.resolve({ up: problem === undefined, detail });
  }
}
