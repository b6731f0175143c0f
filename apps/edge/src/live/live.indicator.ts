import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { LiveConnection } from './live-connection';

/** A central that restarts is no matter. */
const TOLERATED_MS = 60_000;

/** Degraded while the live connection has been missing for a minute. Syncs go on by schedule. */
@Injectable()
export class LiveIndicator implements HealthIndicator {
  readonly name = 'live';
  readonly probes: readonly Probe[] = [];

  constructor(private readonly connection: LiveConnection) {}

  check(): Promise<HealthCheckOutcome> {
    const { disabled, isConnected, since, problem } = this.connection.state;
    if (disabled !== undefined) return Promise.resolve({ up: true, detail: { connected: false, disabled } });
    const isMissing = !isConnected && Date.now() - since.getTime() > TOLERATED_MS;
    const detail = {
      connected: isConnected,
      since: since.toISOString(),
      ...(problem !== undefined && { problem }),
    };
    return Promise.resolve({ up: !isMissing, detail });
  }
}
