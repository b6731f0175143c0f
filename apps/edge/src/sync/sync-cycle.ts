import { RivuletError } from '@rivulet/errors';
import { applyManifest } from './apply-manifest';
import { CycleContext, type CycleOrder, type SyncCycleDependencies } from './cycle-context';
import type { DatabaseLease } from './database-lease';
import { bytesToFetch, fetchMissing, missingFrames } from './download';
import { failureReport, storableError } from './failure-report';
import { healMirrors } from './heal-mirrors';
import type { TableTask } from './plan-tables';
import { requestUpdate, type Update } from './request-update';
import type { SyncProgress, SyncResult } from './sync-result';

/** One sync, from "here is what I have" to the acknowledgement. Knows nothing of schedules, HTTP or Nest. */
export class SyncCycle {
  constructor(private readonly dependencies: SyncCycleDependencies) {}

  /**
   * Runs the cycle under the lease. A failure is a result, too, and is written to the log.
   *
   * @param progress is kept up to date while the cycle runs
   * @throws only what the log's database throws
   */
  async run(
    order: CycleOrder,
    lease: DatabaseLease,
    progress: SyncProgress,
    signal: AbortSignal,
  ): Promise<SyncResult> {
    return new CycleRun(new CycleContext(this.dependencies, order, lease, progress, signal)).execute();
  }
}

/** The steps of one run. */
class CycleRun {
  private readonly dependencies = this.context.dependencies;
  private readonly result = this.context.result;
  /** What the apply transaction changes in mirrors that have rows, and might find not to be as recorded. */
  private suspects: TableTask[] = [];

  constructor(private readonly context: CycleContext) {}

  async execute(): Promise<SyncResult> {
    try {
      await this.acknowledgePending();
      await this.bringUpToDate();
    } catch (error) {
      if (!(await this.isCommitted())) await this.finishAsFailed(error);
    }
    if (this.result.status === 'applied') await this.tidyUp();
    this.context.finish();
    return this.result;
  }

  private async bringUpToDate(): Promise<void> {
    const wholeTables = this.dependencies.applyMode === 'truncate';
    try {
      await this.attempt(wholeTables);
    } catch (error) {
      // Once in a cycle. What fails for the second time is left to the next one, or to a person.
      await this.attempt(await this.askDifferently(error));
    }
  }

  private async attempt(wholeTables: boolean): Promise<void> {
    this.suspects = [];
    const update = await requestUpdate(this.context, wholeTables);
    if (update === undefined) {
      await this.finishAsCurrent();
      await this.dependencies.state.recordCycle(this.result);
    } else {
      await this.download(update);
      await this.apply(update);
    }
  }

  /**
   * Whether to ask for whole tables now. A manifest that could not be proved has two causes that asking again cures:
   * a mirror was not what is recorded of it, which is then corrected, or a patch was wrong.
   *
   * @throws the error, when it is neither
   */
  private async askDifferently(error: unknown): Promise<boolean> {
    const isCurable =
      error instanceof RivuletError && (error.code === 'CHECKSUM_MISMATCH' || error.code === 'FRAME_INVALID');
    if (!isCurable || this.suspects.length === 0) throw error;
    const { suspects } = this;
    if (await healMirrors(this.context, suspects, error)) return false;
    if (!suspects.some(({ action }) => action === 'patch')) throw error;
    this.context.warn("Central's patches do not make what its manifest promises; asking for chunks", error);
    return true;
  }

  /** Whether the manifest is applied after all: a connection can break after the commit and before its answer. */
  private async isCommitted(): Promise<boolean> {
    if (this.result.status !== 'applied') return false;
    const applied = await this.dependencies.state.read().catch(() => null);
    return applied?.manifestId === this.result.manifestId;
  }

  /** Whatever fails here, the manifest is applied, and the next cycle makes up for it. */
  private async tidyUp(): Promise<void> {
    const { spool, nameError } = this.dependencies;
    await spool
      .clear()
      .catch((error: unknown) => this.context.warn('The spool could not be emptied', nameError(error)));
    await this.acknowledgePending().catch((error: unknown) => {
      this.context.warn('The acknowledgement is left to the next cycle', nameError(error));
    });
  }

  /** Sends every report that central has not confirmed. That it cannot is no reason not to sync. */
  private async acknowledgePending(): Promise<void> {
    const { hub, state, now } = this.dependencies;
    for (const acknowledgement of await state.unacknowledged()) {
      this.context.progress.phase = 'acknowledging';
      try {
        await this.context.retrying(() => hub.acknowledge(acknowledgement, this.context.call));
        await state.markAcknowledged(acknowledgement.cycleId, now());
        if (acknowledgement.cycleId === this.result.cycleId) this.result.acknowledged = true;
      } catch (error) {
        if (!(error instanceof RivuletError)) throw error;
        if (error.code === 'MANIFEST_UNKNOWN') await state.markAcknowledged(acknowledgement.cycleId, now());
        this.context.warn(`The acknowledgement of ${acknowledgement.manifestId} was not taken`, error);
        // A central that is away would not take the others either; one that refuses this one may.
        if (error.isTransient) return;
      }
    }
  }

  private async download({ verified, plan, tasks }: Update): Promise<void> {
    const { hub, spool } = this.dependencies;
    const { progress, call } = this.context;
    const start = performance.now();
    const wanted = tasks.flatMap(({ frames }) => frames);
    await spool.recover();
    if (missingFrames(wanted, spool).size > 0) {
      // What an abandoned manifest left behind is of use only while it does not pile up.
      if (spool.bytes > 2 * plan.wireBytes) await spool.clear();
      progress.phase = 'downloading';
      progress.bytesDone = 0;
      progress.bytesTotal = bytesToFetch(plan, wanted, spool);
      await spool.requireRoom(progress.bytesTotal);
      await this.context.retrying(async () => {
        await fetchMissing(hub, verified.manifest.manifestId, wanted, spool, call, (bytes) => {
          this.result.wireBytes += bytes;
          progress.bytesDone += bytes;
        });
      });
    }
    this.result.durations.downloadMs += performance.now() - start;
  }

  private async apply({ verified, tasks }: Update): Promise<void> {
    const { state, spool, verify, applyLimits } = this.dependencies;
    const { lease, progress, signal } = this.context;
    const { manifest, signedBy } = verified;
    this.suspects = tasks.filter(({ action }) => action === 'merge' || action === 'patch');
    const { confirmDeletes } = this.context.order;
    const order = { manifest, tasks, spool, verify, confirmDeletes, progress, signal };
    await applyManifest(lease, state, order, applyLimits, async ({ tables, written, applyMs, verifyMs }) => {
      this.result.status = 'applied';
      this.result.tables = tables;
      this.result.durations.applyMs = applyMs;
      this.result.durations.verifyMs = verifyMs;
      this.context.finish();
      await state.recordApplied(lease, manifest, signedBy, this.result, written);
    });
  }

  private async finishAsCurrent(): Promise<void> {
    const { state } = this.dependencies;
    const applied = await state.read();
    const tables = await state.tables();
    this.result.status = 'current';
    this.context.describeManifest(applied!);
    const pending = await state.unacknowledged();
    this.result.acknowledged = !pending.some(({ manifestId }) => manifestId === applied!.manifestId);
    this.result.tables = tables.map(({ name, table, rows, bytes, checksum }) => {
      return { name, table, action: 'unchanged', rows, rowsChanged: 0, bytes, checksum };
    });
    this.context.finish();
  }

  /** The mirrors are as before. Central is told once, as a courtesy: the next cycle starts anew either way. */
  private async finishAsFailed(cause: unknown): Promise<void> {
    const { hub, state, now, nameError } = this.dependencies;
    this.result.status = 'failed';
    this.result.tables = [];
    this.result.error = storableError(nameError(cause));
    this.context.finish();
    const isRecorded = await state.recordCycle(this.result).then(
      () => true,
      (problem: unknown) =>
        this.context.warn('The failure could not be entered in the log', nameError(problem)),
    );
    // A report could contradict a commit of which nothing is known while the database is away.
    if (isRecorded !== true || this.result.manifestId === null || this.context.signal.aborted) return;
    try {
      await hub.acknowledge(failureReport(this.result), this.context.call);
      this.result.acknowledged = true;
      await state.markAcknowledged(this.result.cycleId, now());
    } catch {
      // The next cycle starts anew, and reports what becomes of it.
    }
  }
}
