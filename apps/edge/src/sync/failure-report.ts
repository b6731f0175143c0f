import type { RivuletError } from '@rivulet/errors';
import type { Acknowledgement } from '@rivulet/protocol';
import type { SyncResult } from './sync-result';

/** What the log keeps of an error. */
export function storableError({ code, message, nextStep }: RivuletError): NonNullable<SyncResult['error']> {
  return { code, message: storable(message), nextStep: storable(nextStep) };
}

/** What central is told of a cycle that failed, after the manifest was known. */
export function failureReport(result: SyncResult): Acknowledgement {
  const { manifestId, cycleId, finishedAt, durations, error } = result;
  const { code, message } = error!;
  return {
    manifestId: manifestId!,
    status: 'failed',
    cycleId,
    finishedAt,
    durationMs: durations.totalMs,
    tables: [],
    error: { code, message: message.slice(0, 2000) },
  };
}

/** PostgreSQL's text and jsonb hold every character but this one, and messages quote what others sent. */
function storable(text: string): string {
  return text.replaceAll('\0', '');
}
