import { Injectable } from '@nestjs/common';
import { parseSchedule, type Schedule } from '../schedule/schedule';
import { ScheduleEnv } from '../schedule/schedule.env';
import { SyncState } from '../state/sync-state';
import { SyncEnv } from './sync.env';
import { SyncService } from './sync.service';

/** An outage of central that is shorter is no matter, however often an edge syncs. */
const ALLOWED_MIN_MS = 10 * 60_000;

/** Scheduled cycles in a row that may come to nothing. */
const CYCLES_MISSED = 3;

export interface MirrorAge {
  /** Since central was asked for what was last confirmed; null on an edge that has never synced. */
  ageMs: number | null;
  allowedMs: number;
  /** Also where nothing has ever been confirmed in the allowed time since the start. */
  isStale: boolean;
}

/**
 * How old the mirrors may be by now. Nobody but central, in answer to the nonce of a request, makes them younger: whoever
 * holds answers back, repeats old ones, or sends bytes for ever, only makes them older.
 */
@Injectable()
export class Freshness {
  readonly allowedMs: number;
  private readonly startedAtMs = performance.now();

  constructor(
    private readonly state: SyncState,
    private readonly sync: SyncService,
    { schedule, staleAfterMs }: SyncEnv,
    { jitterMs }: ScheduleEnv,
  ) {
    const intervalMs = intervalOf(parseSchedule(schedule)!) + jitterMs;
    this.allowedMs = staleAfterMs > 0 ? staleAfterMs : Math.max(ALLOWED_MIN_MS, CYCLES_MISSED * intervalMs);
  }

  async read(): Promise<MirrorAge> {
    const { allowedMs } = this;
    const at = await this.state.lastConfirmedAt();
    const ageMs = at === null ? null : this.ageMs(at);
    return { ageMs, allowedMs, isStale: (ageMs ?? this.uptimeMs) > allowedMs };
  }

  private get uptimeMs(): number {
    return performance.now() - this.startedAtMs;
  }

  /** Confirmations by this process itself are as old as its own clock says, which nobody sets. */
  private ageMs(confirmedAt: Date): number {
    return this.sync.msSinceConfirmed ?? Math.max(this.uptimeMs, Date.now() - confirmedAt.getTime());
  }
}

/** The time between two scheduled cycles from now on. */
function intervalOf(schedule: Schedule): number {
  const next = new Date(Date.now() + schedule.delayMs(new Date()) + 1);
  return schedule.delayMs(next);
}
