import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { RealtimeHub } from './delivery/realtime-hub';
import { CurrentRules } from './rules/current-rules';
import { ConnectionCounts } from './socket/connection-counts';

/** A detail: topics whose history cannot be read are made up for when it can. */
@Injectable()
export class RealtimeIndicator implements HealthIndicator {
  readonly name = 'realtime';
  readonly probes: readonly Probe[] = [];

  constructor(
    private readonly counts: ConnectionCounts,
    private readonly rules: CurrentRules,
    private readonly hub: RealtimeHub,
  ) {}

  async check(): Promise<HealthCheckOutcome> {
    const { connections } = this.counts;
    const detail = {
      connections,
      topics: this.hub.topicCount,
      rules: this.rules.rules.rules.length,
      rulesLoadedAt: this.rules.loadedAt.toISOString(),
    };
    await this.hub.history.positionsOf([]);
    return { up: true, detail };
  }
}
