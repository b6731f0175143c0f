import { Injectable } from '@nestjs/common';
import type { HealthCheckOutcome, HealthIndicator, Probe } from '@rivulet/platform';
import { SyncState } from '../state/sync-state';
import { parseSchedule, type Schedule } from '../schedule/schedule';
import { ScheduleEnv } from '../schedule/schedule.env';
import { SyncEnv } from './sync.env';
import { SyncService } from './sync.service';

/** An outage of central that is shorter is no matter, however often an edge syncs. */
const STALE_AFTER_MIN_MS = 10 * 60_000;

/** Scheduled cycles in a row that may come to nothing. */
const CYCLES_MISSED = 3;

/** How old the mirrors are. A detail only: an edge still serves its readers while central is unreachable. */
@Injectable()
export class LastSyncIndicator implements HealthIndicator {
  readonly name = 'lastSync';
  readonly probes: readonly Probe[] = [];
  private readonly startedAtMs = performance.now();
  private readonly staleAfterMs: number;

  constructor(
    private readonly state: SyncState,
    private readonly sync: SyncService,
    { schedule }: SyncEnv,
    { jitterMs }: ScheduleEnv,
  ) {
    const intervalMs = intervalOf(parseSchedule(schedule)!) + jitterMs;
    this.staleAfterMs = Math.max(STALE_AFTER_MIN_MS, CYCLES_MISSED * intervalMs);
  }

  async check(): Promise<HealthCheckOutcome> {
    const applied = await this.state.read();
    const last = this.sync.lastResult;
    const [latest] = await this.state.history(1);
    const at = await this.state.lastConfirmedAt();
    const ageMs = at === null ? null : this.ageMs(at);
    return {
      up: applied !== null && last?.status !== 'failed' && (ageMs ?? 0) <= this.staleAfterMs,
      detail: {
        manifestId: applied?.manifestId ?? null,
        lastCycle: latest?.status ?? null,
        ageSeconds: ageMs === null ? null : Math.round(ageMs / 1000),
        staleAfterSeconds: Math.round(this.staleAfterMs / 1000),
      },
    };
  }

  /** What this process has confirmed itself is as old as its own clock says, which nobody sets. */
  private ageMs(confirmedAt: Date): number {
    const { msSinceConfirmed } = this.sync;
    if (msSinceConfirmed !== undefined) return msSinceConfirmed;
    return Math.max(performance.now() - this.startedAtMs, Date.now() - confirmedAt.getTime());
  }
}

/** The time between two scheduled cycles from now on. */
function intervalOf(schedule: Schedule): number {
  const next = new Date(Date.now() + schedule.delayMs(new Date()) + 1);
  return schedule.delayMs(next);
}
