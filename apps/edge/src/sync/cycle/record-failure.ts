import { storedError, type SyncResult } from '../../state/sync-result';
import type { CycleContext } from './cycle-context';
import { failureReport } from './failure-report';

/** Logs the failure, and tells central if it knows the manifest. The mirrors are as before. */
export async function recordFailure(context: CycleContext, cause: unknown): Promise<SyncResult> {
  const error = storedError(context.dependencies.nameError(cause));
  const entry = context.report.end({ status: 'failed', tables: [], acknowledged: false, error });
  // While the log cannot be written, a commit may have happened that a report would contradict.
  const mayReport = (await writeLog(context, entry)) && !context.signal.aborted;
  const acknowledged = mayReport && (await tellCentral(context, entry));
  return context.report.end({ ...entry, acknowledged });
}

async function writeLog(context: CycleContext, entry: SyncResult): Promise<boolean> {
  const { state, nameError } = context.dependencies;
  try {
    await state.recordCycle(entry);
    return true;
  } catch (problem) {
    context.warn('The failure could not be written to the log', nameError(problem));
    return false;
  }
}

/** Tried once: the next cycle starts from the beginning in any case, and reports its own result. */
async function tellCentral(context: CycleContext, entry: SyncResult): Promise<boolean> {
  const { hub, state, now } = context.dependencies;
  const report = failureReport(entry);
  if (report === undefined) return false;
  try {
    await hub.acknowledge(report, context.call);
  } catch {
    return false;
  }
  await state.markAcknowledged(entry.cycleId, now()).catch(() => undefined);
  return true;
}
