import type { EdgeSyncState } from '../state/edge-sync-state.entity';
import type { SyncState } from '../state/sync-state';
import type { SyncResult } from '../state/sync-result';
import { SyncEnv } from './sync.env';
import type { SyncService } from './sync.service';
import { syncResult } from '../../test/sync-result-fixture';
import { ScheduleEnv } from '../schedule/schedule.env';
import { Freshness } from './freshness';
import { LastSyncIndicator } from './last-sync.indicator';

const manifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

function indicator(
  status: SyncResult['status'] | undefined,
  confirmedAt: Date | null,
  { schedule = '5m', msSinceConfirmed }: { schedule?: string; msSinceConfirmed?: number } = {},
): LastSyncIndicator {
  const latest = syncResult({ status: status ?? 'failed' });
  const state: Partial<SyncState> = {
    read: () => Promise.resolve(confirmedAt === null ? null : ({ manifestId } as EdgeSyncState)),
    history: () => Promise.resolve(status === undefined ? [] : [latest]),
    lastConfirmedAt: () => Promise.resolve(confirmedAt),
  };
  const sync = { lastResult: status === undefined ? undefined : latest, msSinceConfirmed };
  const env = Object.assign(new SyncEnv(), { schedule });
  const scheduleEnv = Object.assign(new ScheduleEnv(), { jitterMs: 0 });
  const freshness = new Freshness(state as SyncState, sync as SyncService, env, scheduleEnv);
  return new LastSyncIndicator(state as SyncState, sync as SyncService, freshness);
}

const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);

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
      detail: { manifestId: null, lastCycle: null, ageSeconds: null, staleAfterSeconds: 900, stale: false },
    });
  });

  it('is not in the future, whatever the clock was set to', async () => {
    expect(await indicator('current', new Date('2099-01-01')).check()).toMatchObject({
      detail: { ageSeconds: 0 },
    });
  });

  it.each([
    ['5m', 14, true],
    ['5m', 16, false],
    ['10s', 9, true],
    ['10s', 11, false],
    ['1h', 170, true],
    ['1h', 190, false],
    ['0 * * * *', 170, true],
    ['0 * * * *', 190, false],
  ])('with the schedule %s is no longer up by its age alone: %i minutes', async (schedule, minutes, up) => {
    expect(await indicator('current', minutesAgo(minutes), { schedule }).check()).toMatchObject({ up });
  });

  it('is as old as this process knows, even if the clock of the device was put back', async () => {
    const sync = indicator('current', new Date('2099-01-01'), { msSinceConfirmed: 3_600_000 });

    expect(await sync.check()).toMatchObject({ up: false, detail: { ageSeconds: 3_600 } });
  });
});
