import { Logger } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { RivuletError } from '@rivulet/errors';
import { ScheduleEnv } from '../schedule/schedule.env';
import { SyncScheduler } from './sync-scheduler';
import { SyncEnv } from './sync.env';
import type { SyncService } from './sync.service';

const day = 86_400_000;

let sync: jest.Mock<Promise<void>, [string]>;

beforeEach(() => {
  jest.useFakeTimers({ now: new Date('2026-11-21T08:00:00Z') });
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
  sync = jest.fn<Promise<void>, [string]>().mockResolvedValue();
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

function start(settings: Partial<SyncEnv>, jitterMs = 0): SyncScheduler {
  const env = Object.assign(new SyncEnv(), { firstDelayMs: 2_000 }, settings);
  const scheduleEnv = Object.assign(new ScheduleEnv(), { jitterMs });
  const service = { sync } as unknown as SyncService;
  const scheduler = new SyncScheduler(env, scheduleEnv, new SchedulerRegistry(), service);
  scheduler.onApplicationBootstrap();
  return scheduler;
}

describe('the scheduler', () => {
  it('starts the first cycle soon, and the others by the schedule, each with jitter', async () => {
    const scheduler = start({ schedule: '5m' }, 30_000);
    expect(scheduler.nextRunAt).toEqual(new Date('2026-11-21T08:00:01Z'));

    await jest.advanceTimersByTimeAsync(1_000);
    expect(sync.mock.calls).toEqual([['start']]);
    expect(scheduler.nextRunAt).toEqual(new Date('2026-11-21T08:05:16Z'));

    await jest.advanceTimersByTimeAsync(2 * 315_000);
    expect(sync.mock.calls).toEqual([['start'], ['schedule'], ['schedule']]);
  });

  it('goes on after a cycle that could not run', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    sync.mockRejectedValueOnce(
      new RivuletError('SYNC_IN_PROGRESS', 'Another process is syncing this database.'),
    );
    start({ schedule: '5m' });

    await jest.advanceTimersByTimeAsync(301_000);

    expect(sync).toHaveBeenCalledTimes(2);
    expect(warn).toHaveBeenCalledWith(
      { code: 'SYNC_IN_PROGRESS' },
      expect.stringContaining('Another process'),
    );
  });

  it('shows an error that nobody knows', async () => {
    const error = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    const unknown = new Error('what is this?');
    sync.mockRejectedValueOnce(unknown);
    start({ schedule: '5m' });

    await jest.advanceTimersByTimeAsync(1_000);

    expect(error).toHaveBeenCalledWith(unknown, expect.any(String));
  });

  it.each([
    ['30d', 30 * day],
    ['0 8 31 12 *', 40 * day],
  ])('waits for %s, though that is more than a timer takes', async (schedule, waitMs) => {
    const scheduler = start({ schedule, firstDelayMs: 0 });
    await jest.advanceTimersByTimeAsync(0);
    expect(scheduler.nextRunAt).toEqual(new Date(Date.parse('2026-11-21T08:00:00Z') + waitMs));

    await jest.advanceTimersByTimeAsync(waitMs - 1);
    expect(sync).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(sync).toHaveBeenCalledTimes(2);
  });
});
