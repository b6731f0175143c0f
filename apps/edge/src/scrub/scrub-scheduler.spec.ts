import { SchedulerRegistry } from '@nestjs/schedule';
import { ScheduleEnv } from '../schedule/schedule.env';
import { ScrubScheduler } from './scrub-scheduler';
import { ScrubEnv } from './scrub.env';
import type { ScrubService } from './scrub.service';

let scrub: jest.Mock<Promise<void>, [string]>;

beforeEach(() => {
  jest.useFakeTimers({ now: new Date('2026-11-21T08:00:00Z') });
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
  scrub = jest.fn<Promise<void>, [string]>().mockResolvedValue();
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

function start(settings: Partial<ScrubEnv>, jitterMs: number): SchedulerRegistry {
  const registry = new SchedulerRegistry();
  const env = Object.assign(new ScrubEnv(), settings);
  const scheduleEnv = Object.assign(new ScheduleEnv(), { jitterMs });
  const service = { scrub } as unknown as ScrubService;
  new ScrubScheduler(env, scheduleEnv, registry, service).onApplicationBootstrap();
  return registry;
}

describe('the scheduler of scrubs', () => {
  it('starts one every night, with jitter, and none at the start of the app', async () => {
    start({}, 60_000);

    await jest.advanceTimersByTimeAsync(19 * 3_600_000 + 29_999);
    expect(scrub).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(scrub.mock.calls).toEqual([['schedule']]);
    await jest.advanceTimersByTimeAsync(24 * 3_600_000);
    expect(scrub).toHaveBeenCalledTimes(2);
  });

  it('follows another schedule', async () => {
    start({ schedule: '6h' }, 0);

    await jest.advanceTimersByTimeAsync(24 * 3_600_000);
    expect(scrub).toHaveBeenCalledTimes(4);
  });

  it('starts none when it is off', async () => {
    const registry = start({ schedule: 'off' }, 0);

    expect(registry.getTimeouts()).toEqual([]);
    await jest.advanceTimersByTimeAsync(48 * 3_600_000);
    expect(scrub).not.toHaveBeenCalled();
  });
});
