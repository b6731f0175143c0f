import { inTransaction } from '@rivulet/postgres';
import type { RivuletError } from '@rivulet/errors';
import type { MirrorInspection } from '../mirrors/inspect-mirror';
import type { DatabaseLease } from '../state/database-lease';
import type { ScrubLog } from '../state/scrub-log';
import {
  DEVIATIONS_NAMED,
  type ScrubResult,
  type ScrubTableResult,
  type ScrubTrigger,
} from '../state/scrub-result';
import type { SyncProgress } from '../state/sync-progress';
import { storedError, type SyncResult } from '../state/sync-result';
import type { SyncState } from '../state/sync-state';
import { readMirrors, type ReadMirrorsSettings } from './read-mirrors';

export interface ScrubDependencies extends ReadMirrorsSettings {
  state: SyncState;
  log: ScrubLog;
  /** Runs a new cycle; `prepare` runs first, under its lease. */
  syncAfter: (prepare: (lease: DatabaseLease) => Promise<void>) => Promise<SyncResult>;
  now: () => Date;
  newId: () => string;
  nameError: (error: unknown) => RivuletError;
}

/** The order for one scrub, and what it reports while it runs. */
export interface ScrubRun {
  trigger: ScrubTrigger;
  /** Whether to fetch deviating rows again. It is evaluated after all mirrors have been read. */
  repair: boolean;
  progress: SyncProgress;
  signal: AbortSignal;
  onDeviation: (inspection: MirrorInspection) => void;
}

/** Reads all mirrors, and reports where they differ from what was applied. Knows nothing of schedules, HTTP or Nest. */
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
      result.error = storedError(nameError(error));
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

  /** Corrects the records, so that the next request asks central for the rows that the mirrors lack. */
  private async recordFindings(lease: DatabaseLease, deviating: MirrorInspection[]): Promise<void> {
    const { state, limits } = this.dependencies;
    await inTransaction(lease.client, limits, async () => {
      for (const { status, recorded, found } of deviating) {
        // A missing mirror, or one with different columns, does not count as held in any case.
        if (status === 'deviating') await state.recordFound(lease, recorded, found);
      }
    });
  }
}

function unfinishedResult(scrubId: string, trigger: ScrubTrigger, startedAt: string): ScrubResult {
  return {
    scrubId,
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
