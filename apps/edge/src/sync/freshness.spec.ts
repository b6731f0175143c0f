import { Logger } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Registry } from 'prom-client';
import { ScheduleEnv } from '../schedule/schedule.env';
import type { SyncState } from '../state/sync-state';
import { Freshness } from './freshness';
import { FreshnessMetrics } from './freshness.metrics';
import { StaleWatch } from './stale-watch';
import { SyncEnv } from './sync.env';
import type { SyncService } from './sync.service';

const MINUTE = 60_000;

let elapsedMs: number;
let msSinceConfirmed: number | undefined;
let confirmedAt: Date | null;

beforeEach(() => {
  elapsedMs = 0;
  msSinceConfirmed = undefined;
  confirmedAt = null;
  const started = performance.now();
  jest.spyOn(performance, 'now').mockImplementation(() => started + elapsedMs);
});
afterEach(() => jest.restoreAllMocks());

function freshness(settings: Partial<SyncEnv> = {}): Freshness {
  const state = { lastConfirmedAt: () => Promise.resolve(confirmedAt) } as SyncState;
  const sync = {
    get msSinceConfirmed() {
      return msSinceConfirmed;
    },
  } as SyncService;
  const env = Object.assign(new SyncEnv(), { schedule: '1m' }, settings);
  return new Freshness(state, sync, env, Object.assign(new ScheduleEnv(), { jitterMs: 0 }));
}

describe('rows', () => {
  it('are stale after the allowed time, and after three intervals where none is set', async () => {
    expect(freshness({ schedule: '1h' }).allowedMs).toBe(180 * MINUTE);
    confirmedAt = new Date();
    const set = freshness({ schedule: '1h', staleAfterMs: MINUTE });
    msSinceConfirmed = MINUTE;
    expect(await set.read()).toMatchObject({ isStale: false });
    msSinceConfirmed = MINUTE + 1;
    expect(await set.read()).toEqual({ ageMs: MINUTE + 1, allowedMs: MINUTE, isStale: true });
  });

  it('that never came are stale when the edge has run for the allowed time', async () => {
    const age = freshness({ staleAfterMs: MINUTE });
    expect(await age.read()).toMatchObject({ ageMs: null, isStale: false });
    elapsedMs = MINUTE + 1;
    expect(await age.read()).toMatchObject({ ageMs: null, isStale: true });
  });

  it('grow older although the clock of the device is put back', async () => {
    confirmedAt = new Date('2099-01-01');
    const age = freshness({ staleAfterMs: MINUTE });
    elapsedMs = MINUTE + 1;
    expect(await age.read()).toMatchObject({ ageMs: expect.closeTo(MINUTE + 1), isStale: true });
  });

  it('have metrics', async () => {
    const registry = new Registry();
    const age = freshness({ staleAfterMs: MINUTE });
    expect(new FreshnessMetrics(registry, age)).toBeDefined();
    expect(await registry.metrics()).toMatch(/^rivulet_edge_last_confirmed_sync_age_seconds nan$/im);
    confirmedAt = new Date();
    msSinceConfirmed = 2 * MINUTE;
    expect(await registry.metrics()).toMatch(/^rivulet_edge_last_confirmed_sync_age_seconds 120$/m);
    expect(await registry.metrics()).toMatch(/^rivulet_edge_stale 1$/m);
  });
});

it('the log says once that rows are stale, with a code, and once that they are not', async () => {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
  const log = jest.spyOn(Logger.prototype, 'log').mockReturnValue();
  confirmedAt = new Date();
  const watch = new StaleWatch(freshness({ staleAfterMs: MINUTE }), new SchedulerRegistry());
  for (const sinceMs of [0, 2 * MINUTE, 3 * MINUTE, 0, 0]) {
    msSinceConfirmed = sinceMs;
    await watch.look();
  }
  expect(warn.mock.calls).toEqual([
    [{ code: 'MIRRORS_STALE' }, expect.stringContaining('120 s ago; 60 s are allowed')],
  ]);
  expect(log).toHaveBeenCalledTimes(1);
});

it('the log is brought up to date within twice the allowed time', () => {
  jest.useFakeTimers();
  const looks = jest.spyOn(StaleWatch.prototype, 'look').mockResolvedValue();
  const registry = new SchedulerRegistry();
  new StaleWatch(freshness({ staleAfterMs: 10_000 }), registry).onApplicationBootstrap();
  jest.advanceTimersByTime(10_000);
  expect(looks.mock.calls.length).toBeGreaterThanOrEqual(2);
  registry.deleteInterval('stale watch');
  jest.useRealTimers();
});
