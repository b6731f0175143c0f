import { CentralTime } from './central-time';
import { dueTimes, nextTime } from './due-times';
import { keptId } from './kept-id';

const at = (time: string): number => Date.parse(`2026-11-27T${time}Z`);
const hourly = { cron: '0 * * * *', timeZone: 'UTC' };

describe('times of a schedule that are due', () => {
  it('is the last of those since the last look, if it is not too long ago', () => {
    expect(dueTimes(hourly, at('08:59:50'), at('09:00:02'))).toEqual({
      due: new Date(at('09:00:00')),
      missed: 0,
    });
    expect(dueTimes(hourly, at('09:00:00'), at('09:00:02'))).toEqual({ missed: 0 });
    expect(dueTimes(hourly, at('06:30:00'), at('09:00:59'))).toMatchObject({ missed: 2 });
    expect(dueTimes(hourly, at('06:30:00'), at('09:01:01'))).toEqual({ missed: 3 });
  });

  it('is one where many have passed in the last minute', () => {
    const each = { cron: '* * * * * *', timeZone: 'UTC' };
    expect(dueTimes(each, at('09:00:00'), at('09:00:10.500'))).toEqual({
      due: new Date(at('09:00:10')),
      missed: 9,
    });
  });

  it('follows the time zone, over the change of the clocks too', () => {
    const daily = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' };
    expect(nextTime(daily, Date.parse('2026-03-27T12:00:00Z'))!.toISOString()).toBe(
      '2026-03-28T01:30:00.000Z',
    );
    expect(nextTime(daily, Date.parse('2026-06-27T12:00:00Z'))!.toISOString()).toBe(
      '2026-06-28T00:30:00.000Z',
    );
  });

  it('is none of an expression or time zone that this device does not know', () => {
    expect(nextTime({ cron: 'x', timeZone: 'UTC' }, 0)).toBeUndefined();
    expect(dueTimes({ ...hourly, timeZone: 'Mars/Base' }, 0, at('09:00:00'))).toEqual({ missed: 0 });
  });
});

it('the time at central goes on by the monotonic clock, whatever the wall clock of the device does', () => {
  const clocks = { wall: () => 0, monotonic: () => 0 };
  const time = new CentralTime(clocks);
  expect(time.nowMs).toBeUndefined();
  const known = time.heard(at('09:00:00'));
  clocks.monotonic = () => 5_000;
  clocks.wall = () => -1_000_000;
  expect(time.nowMs).toBe(at('09:00:05'));
  // After a restart there is the wall clock alone.
  expect(new CentralTime(clocks, known).nowMs).toBeUndefined();
  clocks.wall = () => 7_000;
  expect(new CentralTime(clocks, known).nowMs).toBe(at('09:00:07'));
});

it('rows that are kept have one ULID for a job and time, the earlier first', () => {
  const ids = [at('09:00:00'), at('10:00:00')].map((time) =>
    keptId('01KAJ9V9RW4C7ZK3DYE7V1NB2R', new Date(time)),
  );
  expect(ids.toSorted()).toEqual(ids);
  expect(ids[0]).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  expect(keptId('01KAJ9V9RW4C7ZK3DYE7V1NB2S', new Date(at('09:00:00')))).not.toBe(ids[0]);
});
