import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { isTransient, RivuletError } from '@rivulet/errors';
import { DataSource } from 'typeorm';
import type { CycleOrder } from './cycle-context';
import { withDatabaseLease, type DatabaseLease } from './database-lease';
import { SyncCycle } from './sync-cycle';
import { idleProgress, type SyncProgress, type SyncResult, type SyncTrigger } from './sync-result';

interface CycleOptions extends Partial<Pick<CycleOrder, 'confirmDeletes'>> {
  /** Comes before the cycle, under its lease. */
  prepare?: (lease: DatabaseLease) => Promise<void>;
}

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
    this.refuseWhenStopping();
    return this.running?.cycle ?? this.begin(trigger);
  }

  /**
   * Runs a cycle that fetches what a scrub found to be different. `prepare` records it before, under the lease.
   *
   * @throws as sync() does
   */
  async repair(prepare: (lease: DatabaseLease) => Promise<void>): Promise<SyncResult> {
    return this.beginAlone('repair', { prepare });
  }

  /**
   * Runs a cycle that may delete any number of rows. It joins none: that would not know.
   *
   * @throws as sync() does
   */
  async syncUnguarded(): Promise<SyncResult> {
    return this.beginAlone('operator', { confirmDeletes: true });
  }

  /** Waits until no cycle of this process is running. */
  async settled(): Promise<void> {
    while (this.running !== undefined) await this.running.cycle.catch(() => undefined);
  }

  onModuleDestroy(): void {
    this.stopping.abort(new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.'));
  }

  /** The database pool closes after this, and the cycle must have rolled back by then. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.running?.cycle.catch(() => undefined);
  }

  private async beginAlone(trigger: SyncTrigger, options: CycleOptions): Promise<SyncResult> {
    // Nothing may come between the last look and the beginning: others wait for the same.
    while (this.running !== undefined) await this.running.cycle.catch(() => undefined);
    this.refuseWhenStopping();
    return this.begin(trigger, options);
  }

  private begin(trigger: SyncTrigger, options: CycleOptions = {}): Promise<SyncResult> {
    const progress = idleProgress();
    const cycle = this.runCycle(trigger, progress, options).finally(() => (this.running = undefined));
    this.running = { cycle, progress };
    return cycle;
  }

  private refuseWhenStopping(): void {
    if (this.stopping.signal.aborted) throw new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.');
  }

  private async runCycle(
    trigger: SyncTrigger,
    progress: SyncProgress,
    { prepare, confirmDeletes = false }: CycleOptions,
  ): Promise<SyncResult> {
    const result = await withDatabaseLease(this.database, async (lease) => {
      await prepare?.(lease);
      return this.cycle.run({ trigger, confirmDeletes }, lease, progress, this.stopping.signal);
    });
    this.last = result;
    this.report(result);
    return result;
  }

  private report({ cycleId, status, manifestId, durations, tables, wireBytes, error }: SyncResult): void {
    const changed = tables.filter((table) => table.action !== 'unchanged');
    const rows = changed.reduce((sum, table) => sum + table.rowsChanged, 0);
    const summary = { cycleId, status, manifestId, wireBytes, ms: durations.totalMs };
    if (status === 'failed') {
      const message = `Failed: ${error!.message} ${error!.nextStep}`;
      if (!isTransient(error!.code)) this.logger.error({ ...summary, code: error!.code }, message);
      else this.logger.warn({ ...summary, code: error!.code }, message);
    } else if (status === 'current') {
      this.logger.log(summary, 'Already current');
    } else {
      this.logger.log(
        summary,
        `Applied and verified ${counted(rows, 'changed row')} in ${counted(changed.length, 'table')}`,
      );
    }
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
