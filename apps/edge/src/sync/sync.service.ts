import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { isTransient, RivuletError } from '@rivulet/errors';
import { restoreTables } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import { withDatabaseLease, type DatabaseLease } from '../state/database-lease';
import { initialProgress, type SyncProgress } from '../state/sync-progress';
import type { SyncResult, SyncTrigger, TableResult } from '../state/sync-result';
import { AnswerRefusals } from './answer-refusals';
import type { CycleOrder } from './cycle/cycle-context';
import { SyncCycle } from './cycle/sync-cycle';
import { watchLongCycle } from './long-cycle';
import { SyncMetrics } from './sync.metrics';

interface CycleOptions extends Partial<Pick<CycleOrder, 'confirmDeletes'>> {
  /** Runs before the cycle, under its lease. */
  prepare?: (lease: DatabaseLease) => Promise<void>;
}

/** Runs cycles, one at a time; concurrent triggers share a cycle. */
@Injectable()
export class SyncService implements OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Sync');
  private readonly stopping = new AbortController();
  private running: { cycle: Promise<SyncResult>; progress: SyncProgress } | undefined;
  private last: SyncResult | undefined;
  /** By the monotonic clock. */
  private confirmedAtMs: number | undefined;

  constructor(
    private readonly database: DataSource,
    private readonly cycle: SyncCycle,
    private readonly metrics: SyncMetrics,
    private readonly refusals: AnswerRefusals,
  ) {}

  /** How far the running cycle is, if there is one. */
  get progress(): SyncProgress | undefined {
    return this.running?.progress;
  }

  /** Time since a cycle of this process began that did not fail, whatever became of the clock; undefined when none has. */
  get msSinceConfirmed(): number | undefined {
    return this.confirmedAtMs === undefined ? undefined : performance.now() - this.confirmedAtMs;
  }

  /** The result of the last cycle of this process. */
  get lastResult(): SyncResult | undefined {
    return this.last;
  }

  /**
   * Runs a cycle, or joins the one that is running, and returns its result.
   *
   * @throws RivuletError SYNC_IN_PROGRESS when another process is syncing · SHUTTING_DOWN · the error of an unreachable
   *   database
   */
  async sync(trigger: SyncTrigger): Promise<SyncResult> {
    this.refuseWhenStopping();
    return this.running?.cycle ?? this.begin(trigger);
  }

  /**
   * Runs a cycle that fetches rows in which a scrub has found mirrors to differ. `prepare` records the findings before,
   * under the lease.
   *
   * @throws as sync() does
   */
  async repair(prepare: (lease: DatabaseLease) => Promise<void>): Promise<SyncResult> {
    return this.beginAlone('repair', { prepare });
  }

  /**
   * Runs a cycle that may delete any number of rows. It does not join a running one, which may not.
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
    // No await between this check and the start: others wait for the same.
    while (this.running !== undefined) await this.running.cycle.catch(() => undefined);
    this.refuseWhenStopping();
    return this.begin(trigger, options);
  }

  private begin(trigger: SyncTrigger, options: CycleOptions = {}): Promise<SyncResult> {
    const progress = initialProgress();
    const stopWatch = watchLongCycle(progress, (message) => this.logger.warn(message));
    const cycle = this.runCycle(trigger, progress, options).finally(() => {
      stopWatch();
      this.running = undefined;
    });
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
    // Whatever was in them, this cycle brings back.
    await restoreTables(this.database, 'EDGE_DATABASE_URL');
    const beganAtMs = performance.now();
    const result = await withDatabaseLease(this.database, async (lease) => {
      await prepare?.(lease);
      return this.cycle.run({ trigger, confirmDeletes }, lease, progress, this.stopping.signal);
    });
    this.last = result;
    // Central's statement is of the time when it was asked, however long the answer took.
    if (result.status !== 'failed') this.confirmedAtMs = beganAtMs;
    if (result.error !== undefined) this.refusals.note(result.error, result.cycleId);
    this.metrics.finished(result);
    this.report(result);
    return result;
  }

  private report({ cycleId, status, manifestId, durations, tables, wireBytes, error }: SyncResult): void {
    const summary = { cycleId, status, manifestId, wireBytes, ms: durations.totalMs };
    if (error === undefined) {
      this.logger.log(summary, status === 'current' ? 'Already current' : describeChanges(tables));
      return;
    }
    const { code, message, nextStep } = error;
    const level = isTransient(code) ? 'warn' : 'error';
    this.logger[level]({ ...summary, code }, `Failed: ${message} ${nextStep}`);
  }
}

function describeChanges(tables: TableResult[]): string {
  const changed = tables.filter((table) => table.action !== 'unchanged');
  const rows = changed.reduce((sum, table) => sum + table.rowsChanged, 0);
  return `Applied and verified ${counted(rows, 'changed row')} in ${counted(changed.length, 'table')}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
