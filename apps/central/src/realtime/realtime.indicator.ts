import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { RealtimeHub } from './delivery/realtime-hub';
import { RowPublisher } from './rows/row-publisher';
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
    private readonly rows: RowPublisher,
  ) {}

  async check(): Promise<HealthCheckOutcome> {
    const { connections } = this.counts;
    const detail = {
      connections,
      topics: this.hub.topicCount,
      rules: this.rules.rules.rules.length,
      tables: this.rules.rules.rows.length,
      ...(this.rows.problem !== undefined && { tablesProblem: this.rows.problem }),
      rulesLoadedAt: this.rules.loadedAt.toISOString(),
    };
    await this.hub.history.positionsOf([]);
    return { up: true, detail };
  }
}
