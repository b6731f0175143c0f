import type { SyncResult } from '../src/state/sync-result';

/** A cycle that has failed before central named a manifest, with these changes. */
export function syncResult(changes: Partial<SyncResult> = {}): SyncResult {
  const at = '2026-11-21T08:00:00.000Z';
  return {
    cycleId: '1',
    trigger: 'operator',
    status: 'failed',
    manifestId: null,
    epoch: null,
    sequence: null,
    startedAt: at,
    finishedAt: at,
    durations: { requestMs: 0, downloadMs: 0, applyMs: 0, verifyMs: 0, totalMs: 0 },
    wireBytes: 0,
    acknowledged: false,
    tables: [],
    ...changes,
  };
}
