import type { EdgeSyncState } from '../state/edge-sync-state.entity';
import type { SyncState } from '../state/sync-state';
import type { SyncResult } from '../state/sync-result';
import type { SyncService } from './sync.service';
import { syncResult } from '../../test/sync-result-fixture';
import { LastSyncIndicator } from './last-sync.indicator';

const manifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

function indicator(status: SyncResult['status'] | undefined, confirmedAt: Date | null): LastSyncIndicator {
  const latest = syncResult({ status: status ?? 'failed' });
  const state: Partial<SyncState> = {
    read: () => Promise.resolve(confirmedAt === null ? null : ({ manifestId } as EdgeSyncState)),
    history: () => Promise.resolve(status === undefined ? [] : [latest]),
    lastConfirmedAt: () => Promise.resolve(confirmedAt),
  };
  const sync = { lastResult: status === undefined ? undefined : latest };
  return new LastSyncIndicator(state as SyncState, sync as SyncService);
}

describe('the last sync', () => {
  it('is as old as the last cycle that did not fail, however often it was tried since', async () => {
    const outcome = await indicator('failed', new Date(Date.now() - 7_200_000)).check();

    expect(outcome).toMatchObject({ up: false, detail: { manifestId, lastCycle: 'failed' } });
    expect(outcome.detail!['ageSeconds']).toBeGreaterThanOrEqual(7_200);
    expect(outcome.detail!['ageSeconds']).toBeLessThan(7_260);
  });

  it('is up when it did not fail', async () => {
    expect(await indicator('current', new Date()).check()).toMatchObject({ up: true });
  });

  it('is not there on a new edge', async () => {
    expect(await indicator(undefined, null).check()).toEqual({
      up: false,
      detail: { manifestId: null, lastCycle: null, ageSeconds: null },
    });
  });

  it('is not in the future, whatever the clock was set to', async () => {
    expect(await indicator('current', new Date('2099-01-01')).check()).toMatchObject({
      detail: { ageSeconds: 0 },
    });
  });
});
