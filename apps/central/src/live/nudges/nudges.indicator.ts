import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { NudgeService } from './nudge.service';

/** Degraded while changes are not told to connected edges. They sync by schedule. */
@Injectable()
export class NudgesIndicator implements HealthIndicator {
  readonly name = 'nudges';
  readonly probes: readonly Probe[] = [];

  constructor(private readonly nudges: NudgeService) {}

  check(): Promise<HealthCheckOutcome> {
    const { problem, failure } = this.nudges;
    const connected = this.nudges.connectedEdges;
    const detail = { connected, ...(problem !== undefined && { problem }) };
    // Where nothing is watched, the operator has chosen so, or `changes` is degraded.
    return Promise.resolve({ up: failure === undefined, detail });
  }
}
