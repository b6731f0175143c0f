import { SchedulerRegistry } from '@nestjs/schedule';
import { EdgeEnv } from '../edge-env';
import { ScrubScheduler } from './scrub-scheduler';
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

function start(settings: Partial<EdgeEnv>): SchedulerRegistry {
  const registry = new SchedulerRegistry();
  const env = Object.assign(new EdgeEnv(), settings);
  new ScrubScheduler(env, registry, { scrub } as unknown as ScrubService).onApplicationBootstrap();
  return registry;
}

describe('the scheduler of scrubs', () => {
  it('starts one every night, with jitter, and none at the start of the app', async () => {
    start({ syncJitterMs: 60_000 });

    await jest.advanceTimersByTimeAsync(19 * 3_600_000 + 29_999);
    expect(scrub).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(scrub.mock.calls).toEqual([['schedule']]);
    await jest.advanceTimersByTimeAsync(24 * 3_600_000);
    expect(scrub).toHaveBeenCalledTimes(2);
  });

  it('follows another schedule', async () => {
    start({ verifySchedule: '6h', syncJitterMs: 0 });

    await jest.advanceTimersByTimeAsync(24 * 3_600_000);
    expect(scrub).toHaveBeenCalledTimes(4);
  });

  it('starts none when it is off', async () => {
    const registry = start({ verifySchedule: 'off' });

    expect(registry.getTimeouts()).toEqual([]);
    await jest.advanceTimersByTimeAsync(48 * 3_600_000);
    expect(scrub).not.toHaveBeenCalled();
  });
});
