import type { Acknowledgement } from '@rivulet/protocol';
import type { SyncResult } from '../../state/sync-result';

const MESSAGE_MAX_LENGTH = 2_000;

/** The report of a failed cycle to central. Undefined when the cycle failed before central had named a manifest. */
export function failureReport(result: SyncResult): Acknowledgement | undefined {
  const { manifestId, cycleId, finishedAt, durations, error } = result;
  if (manifestId === null || error === undefined) return undefined;
  const { code, message } = error;
  return {
    manifestId,
    status: 'failed',
    cycleId,
    finishedAt,
    durationMs: durations.totalMs,
    tables: [],
    error: { code, message: message.slice(0, MESSAGE_MAX_LENGTH).toWellFormed() },
  };
}
