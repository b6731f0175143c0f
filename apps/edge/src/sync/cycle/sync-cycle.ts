import type { DatabaseLease } from '../../state/database-lease';
import type { SyncProgress } from '../../state/sync-progress';
import type { SyncResult } from '../../state/sync-result';
import { acknowledgePending } from './acknowledge-pending';
import { applyUpdate } from './apply-update';
import { CycleContext, type CycleOrder, type SyncCycleDependencies } from './cycle-context';
import { downloadFrames } from './download-frames';
import { findCure, type FailedAttempt } from './find-cure';
import { recordCurrent } from './record-current';
import { recordFailure } from './record-failure';
import { requestUpdate } from './request-update';
import { tidyUp } from './tidy-up';

/** The outcome of one attempt at a manifest, and its entry in the log. */
type Attempt =
  { kind: 'applied'; entry: SyncResult } | { kind: 'current'; entry: SyncResult } | FailedAttempt;

/** One sync, from "this is what I hold" to the acknowledgement. It knows nothing of schedules, HTTP or Nest. */
export class SyncCycle {
  constructor(private readonly dependencies: SyncCycleDependencies) {}

  /**
   * Runs the cycle under the lease. A failure is a result, too, and is written to the log.
   *
   * @param progress is kept up to date while the cycle runs
   */
  async run(
    order: CycleOrder,
    lease: DatabaseLease,
    progress: SyncProgress,
    signal: AbortSignal,
  ): Promise<SyncResult> {
    const context = new CycleContext(this.dependencies, order, lease, progress, signal);
    const outcome = await bringUpToDate(context).catch(failed);
    switch (outcome.kind) {
      case 'applied':
        return tidyUp(context, outcome.entry);
      case 'current':
        return outcome.entry;
      default:
        return recordFailure(context, outcome.error);
    }
  }
}

/** A manifest that could not be proved gets a second attempt. A second failure is left to the next cycle, or to a person. */
async function bringUpToDate(context: CycleContext): Promise<Attempt> {
  await acknowledgePending(context);
  const wholeTables = context.dependencies.applyMode === 'truncate';
  const first = await attempt(context, wholeTables).catch(failed);
  if (first.kind !== 'failed') return first;
  const cure = await findCure(context, first);
  if (cure === 'none') return first;
  return attempt(context, cure === 'ask-for-chunks');
}

/** The steps that lead to a manifest. */
async function attempt(context: CycleContext, wholeTables: boolean): Promise<Attempt> {
  const answer = await requestUpdate(context, wholeTables);
  if (answer.kind === 'current') return recordCurrent(context, answer);
  await downloadFrames(context, answer.update);
  return applyUpdate(context, answer.update);
}

function failed(error: unknown): FailedAttempt {
  return { kind: 'failed', error, suspects: [] };
}
