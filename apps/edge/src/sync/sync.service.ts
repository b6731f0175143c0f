import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { RivuletError } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { withDatabaseLease } from './database-lease';
import { SyncCycle } from './sync-cycle';
import type { SyncProgress, SyncResult, SyncTrigger } from './sync-result';

/** Runs cycles: one at a time, whatever asks for them. */
@Injectable()
export class SyncService implements OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Sync');
  private readonly stopping = new AbortController();
  private running: { cycle: Promise<SyncResult>; progress: SyncProgress } | undefined;
  private last: SyncResult | undefined;

  constructor(
    private readonly database: DataSource,
    private readonly cycle: SyncCycle,
  ) {}

  /** How far the running cycle is, if one runs. */
  get progress(): SyncProgress | undefined {
    return this.running?.progress;
  }

  /** The result of the last cycle of this process. */
  get lastResult(): SyncResult | undefined {
    return this.last;
  }

  /**
   * Runs a cycle, or joins the one that is running, and returns its result.
   *
   * @throws RivuletError SYNC_IN_PROGRESS when another process is at it · SHUTTING_DOWN · the error of a database
   *   that is not there
   */
  async sync(trigger: SyncTrigger): Promise<SyncResult> {
    if (this.stopping.signal.aborted) throw new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.');
    if (this.running !== undefined) return this.running.cycle;
    const progress: SyncProgress = {
      phase: 'requesting',
      rowsDone: 0,
      rowsTotal: 0,
      bytesDone: 0,
      bytesTotal: 0,
    };
    const cycle = this.runCycle(trigger, progress);
    this.running = { cycle, progress };
    try {
      return await cycle;
    } finally {
      this.running = undefined;
    }
  }

  onModuleDestroy(): void {
    this.stopping.abort(new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.'));
  }

  /** The database pool closes after this, and the cycle must have rolled back by then. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.running?.cycle.catch(() => undefined);
  }

  private async runCycle(trigger: SyncTrigger, progress: SyncProgress): Promise<SyncResult> {
    const result = await withDatabaseLease(this.database, (lease) =>
      this.cycle.run(trigger, lease, progress, this.stopping.signal),
    );
    this.last = result;
    this.report(result);
    return result;
  }

  private report({ cycleId, status, manifestId, durations, tables, wireBytes, error }: SyncResult): void {
    const changed = tables.filter((table) => table.action !== 'unchanged');
    const rows = changed.reduce((sum, table) => sum + table.rows, 0);
    const summary = { cycleId, status, manifestId, wireBytes, ms: durations.totalMs };
    if (status === 'failed') {
      const message = `Sync failed: ${error!.message} ${error!.nextStep}`;
      if (needsPerson(error!.code)) this.logger.error({ ...summary, code: error!.code }, message);
      else this.logger.warn({ ...summary, code: error!.code }, message);
    } else if (status === 'current') {
      this.logger.log(summary, 'Sync: already current');
    } else {
      this.logger.log(summary, `Sync: applied and verified ${rows} rows in ${changed.length} tables`);
    }
  }
}

/** What passes by itself, so that nobody need get up for it. */
const selfHealing = new Set<string>([
  'CENTRAL_UNREACHABLE',
  'SERVER_BUSY',
  'SHUTTING_DOWN',
  'DATABASE_UNAVAILABLE',
  'FRAME_INVALID',
  'MANIFEST_EXPIRED',
  'MIRROR_BUSY',
  'SYNC_IN_PROGRESS',
]);

function needsPerson(code: string): boolean {
  return !selfHealing.has(code);
}
