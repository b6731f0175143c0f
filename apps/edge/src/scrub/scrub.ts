import { inTransaction } from '@rivulet/postgres';
import type { RivuletError } from '@rivulet/errors';
import type { ScrubLog } from '../state/scrub-log';
import type { SyncState } from '../state/sync-state';
import type { DatabaseLease } from '../sync/database-lease';
import { storableError } from '../sync/failure-report';
import type { SyncProgress, SyncResult } from '../sync/sync-result';
import type { MirrorInspection } from './inspect-mirror';
import { readMirrors, type ReadMirrorsSettings } from './read-mirrors';
import { DEVIATIONS_NAMED, type ScrubResult, type ScrubTableResult, type ScrubTrigger } from './scrub-result';

export interface ScrubDependencies extends ReadMirrorsSettings {
  state: SyncState;
  log: ScrubLog;
  /** Runs a cycle of its own; `prepare` comes first, under its lease. */
  syncAfter: (prepare: (lease: DatabaseLease) => Promise<void>) => Promise<SyncResult>;
  now: () => Date;
  newId: () => string;
  nameError: (error: unknown) => RivuletError;
}

/** What a running scrub is told and tells. */
export interface ScrubRun {
  trigger: ScrubTrigger;
  /** Whether to fetch again what deviates. It is read when all mirrors have been. */
  repair: boolean;
  progress: SyncProgress;
  signal: AbortSignal;
  onDeviation: (inspection: MirrorInspection) => void;
}

/** Reads all mirrors, and says where they are not what has been applied. Knows nothing of schedules, HTTP or Nest. */
export class Scrub {
  constructor(private readonly dependencies: ScrubDependencies) {}

  /**
   * A failure is a result, too, and is written to the log.
   *
   * @throws only what the log's database throws
   */
  async run(run: ScrubRun): Promise<ScrubResult> {
    const { log, now, newId, nameError } = this.dependencies;
    const start = performance.now();
    const result = unfinishedResult(newId(), run.trigger, now().toISOString());
    try {
      await this.readAndRepair(run, result);
    } catch (error) {
      result.error = storableError(nameError(error));
    }
    result.finishedAt = now().toISOString();
    result.durationMs = Math.round(performance.now() - start);
    await log.append(result);
    return result;
  }

  private async readAndRepair(run: ScrubRun, result: ScrubResult): Promise<void> {
    const inspections = await readMirrors(this.dependencies, run.progress, run.signal);
    result.tables = inspections.map(toTableResult);
    const deviating = inspections.filter(({ status }) => status !== 'intact');
    result.status = deviating.length === 0 ? 'intact' : 'deviating';
    for (const inspection of deviating) run.onDeviation(inspection);
    if (deviating.length === 0 || !run.repair) return;
    result.repair = await this.dependencies.syncAfter((lease) => this.recordFindings(lease, deviating));
    if (result.repair.error === undefined) result.status = 'repaired';
    else result.error = result.repair.error;
  }

  /** Makes the state true, so that central is asked for what the mirrors lack. */
  private async recordFindings(lease: DatabaseLease, deviating: MirrorInspection[]): Promise<void> {
    const { state, limits } = this.dependencies;
    await inTransaction(lease.client, limits, async () => {
      for (const { status, recorded, found } of deviating) {
        // A mirror that is not there, or has other columns, is not believed in any case.
        if (status === 'deviating') await state.recordFound(lease, recorded, found);
      }
    });
  }
}

function unfinishedResult(verificationId: string, trigger: ScrubTrigger, startedAt: string): ScrubResult {
  return {
    verificationId,
    trigger,
    status: 'failed',
    startedAt,
    finishedAt: startedAt,
    durationMs: 0,
    tables: [],
  };
}

function toTableResult({ recorded, status, chunks, deviations }: MirrorInspection): ScrubTableResult {
  const { name, table, rows } = recorded;
  return {
    name,
    table,
    status,
    rows,
    chunks,
    deviations: deviations.slice(0, DEVIATIONS_NAMED),
    deviationCount: deviations.length,
  };
}
