import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { SyncState } from '../state/sync-state';
import { SyncService } from './sync.service';

/** How old the mirrors are. A detail only: an edge still serves its readers while central is unreachable. */
@Injectable()
export class LastSyncIndicator implements HealthIndicator {
  readonly name = 'lastSync';
  readonly probes: readonly Probe[] = [];

  constructor(
    private readonly state: SyncState,
    private readonly sync: SyncService,
  ) {}

  async check(): Promise<HealthCheckOutcome> {
    const applied = await this.state.read();
    const last = this.sync.lastResult;
    const [latest] = await this.state.history(1);
    const at = await this.state.lastConfirmedAt();
    return {
      up: applied !== null && last?.status !== 'failed',
      detail: {
        manifestId: applied?.manifestId ?? null,
        lastCycle: latest?.status ?? null,
        ageSeconds: at === null ? null : Math.max(0, Math.round((Date.now() - at.getTime()) / 1000)),
      },
    };
  }
}
