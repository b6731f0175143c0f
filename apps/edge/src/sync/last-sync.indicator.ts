import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { SyncState } from '../state/sync-state';
import { Freshness } from './freshness';
import { SyncService } from './sync.service';

/** How old the mirrors are. A detail only: an edge still serves its readers while central is unreachable. */
@Injectable()
export class LastSyncIndicator implements HealthIndicator {
  readonly name = 'lastSync';
  readonly probes: readonly Probe[] = [];

  constructor(
    private readonly state: SyncState,
    private readonly sync: SyncService,
    private readonly freshness: Freshness,
  ) {}

  async check(): Promise<HealthCheckOutcome> {
    const applied = await this.state.read();
    const [latest] = await this.state.history(1);
    const { ageMs, allowedMs, isStale } = await this.freshness.read();
    return {
      up: applied !== null && this.sync.lastResult?.status !== 'failed' && !isStale,
      detail: {
        manifestId: applied?.manifestId ?? null,
        lastCycle: latest?.status ?? null,
        ageSeconds: ageMs === null ? null : Math.round(ageMs / 1000),
        staleAfterSeconds: Math.round(allowedMs / 1000),
        stale: isStale,
      },
    };
  }
}
