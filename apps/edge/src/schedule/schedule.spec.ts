import { parseSchedule } from './schedule';

const quarterPast = new Date('2026-11-21T08:15:10.250Z');

describe('a schedule', () => {
  it.each([
    ['1s', 1_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['30d', 2_592_000_000],
  ])('of %s has that interval, whatever the clock says', (text, intervalMs) => {
    const schedule = parseSchedule(text)!;

    expect(schedule.delayMs(quarterPast)).toBe(intervalMs);
    expect(schedule.delayMs(new Date(0))).toBe(intervalMs);
  });

  it.each([
    ['*/5 * * * *', '2026-11-21T08:20:00Z'],
    ['0 3 * * *', '2026-11-22T03:00:00Z'],
    ['0 0 1 1 *', '2027-01-01T00:00:00Z'],
    ['30 15 8 * * *', '2026-11-21T08:15:30Z'],
  ])('of %s starts at %s next, in UTC', (text, next) => {
    expect(parseSchedule(text)!.delayMs(quarterPast)).toBe(Date.parse(next) - quarterPast.getTime());
  });

  it('of cron goes on from the moment that it has just started at', () => {
    const schedule = parseSchedule('*/5 * * * *')!;

    expect(schedule.delayMs(new Date('2026-11-21T08:20:00.000Z'))).toBe(300_000);
    expect(schedule.delayMs(new Date('2026-11-21T08:20:00.003Z'))).toBe(299_997);
  });

  it.each(['1970-01-01T00:00:00Z', '2099-12-31T23:58:00Z'])('of cron works on a machine at %s', (now) => {
    jest.useFakeTimers({ now: new Date(now) });
    try {
      const delayMs = parseSchedule('*/5 * * * *')!.delayMs(new Date());
      expect(delayMs).toBeGreaterThan(0);
      expect(delayMs).toBeLessThanOrEqual(300_000);
    } finally {
      jest.useRealTimers();
    }
  });

  it.each(['', 'often', '5', '0s', '999ms', '-5m', '61 * * * *', '* * *', '0 0 30 2 *'])(
    'is not %p',
    (text) => {
      expect(parseSchedule(text)).toBeUndefined();
    },
  );
});
