import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { Acknowledgement } from '@rivulet/protocol';
import type { CycleContext } from './cycle-context';

/**
 * Sends every report that central has not confirmed. A report that cannot be sent does not keep the cycle from syncing.
 *
 * @returns the ids of the cycles that central has confirmed now
 */
export async function acknowledgePending(context: CycleContext): Promise<Set<string>> {
  const confirmed = new Set<string>();
  for (const report of await context.dependencies.state.unacknowledged()) {
    context.progress.phase = 'acknowledging';
    const outcome = await acknowledge(context, report);
    if (outcome === 'confirmed') confirmed.add(report.cycleId);
    if (outcome === 'central-away') break;
  }
  return confirmed;
}

/** Central has deleted the manifest, or finds the report wrong: it would say so again each time. */
const NEVER_CONFIRMED = new Set<ErrorCode>(['MANIFEST_UNKNOWN', 'REQUEST_INVALID']);

/** A report that central `refused` says nothing of the others; when central is away, these would fail, too. */
type ReportOutcome = 'confirmed' | 'refused' | 'central-away';

async function acknowledge(context: CycleContext, report: Acknowledgement): Promise<ReportOutcome> {
  const { hub, state, now } = context.dependencies;
  try {
    await context.retrying(() => hub.acknowledge(report, context.call));
    await state.markAcknowledged(report.cycleId, now());
    return 'confirmed';
  } catch (error) {
    if (!(error instanceof RivuletError)) throw error;
    if (NEVER_CONFIRMED.has(error.code)) await state.markAcknowledged(report.cycleId, now());
    context.warn(`Central did not accept the acknowledgement of ${report.manifestId}`, error);
    return error.isTransient ? 'central-away' : 'refused';
  }
}
