import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { CentralBus } from './central-bus';

/** Degraded while the bus is down. No probe fails: what it carries are hints, or is stored. */
@Injectable()
export class BusIndicator implements HealthIndicator {
  readonly name = 'bus';
  readonly probes: readonly Probe[] = [];

  constructor(private readonly bus: CentralBus) {}

  check(): Promise<HealthCheckOutcome> {
    const { state, name, since } = this.bus;
    const at = { bus: name, since: since.toISOString() };
    if (state.isConnected) return Promise.resolve({ up: true, detail: at });
    const problem =
      `The bus is not available: ${state.reason}. ` +
      'Messages between processes of central are missing until it is back; schedules and polls go on.';
    return Promise.resolve({ up: false, detail: { ...at, problem } });
  }
}
