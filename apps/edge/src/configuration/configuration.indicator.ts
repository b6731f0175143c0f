import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { ConfigurationService } from './configuration.service';

/** The versions that the workers run. A detail only: they go on with what they have. */
@Injectable()
export class ConfigurationIndicator implements HealthIndicator {
  readonly name = 'configuration';
  readonly probes: readonly Probe[] = [];

  constructor(private readonly configuration: ConfigurationService) {}

  async check(): Promise<HealthCheckOutcome> {
    if (!this.configuration.isActive) return { up: true, detail: { workers: 0 } };
    const { status: state, inForceVersion, code, workers, pollError } = this.configuration.state;
    return {
      up: state !== 'failed',
      detail: { state, inForceVersion, workers: workers.length, code: code ?? pollError?.code ?? null },
    };
  }
}
