import { initialProgress } from '../state/sync-progress';
import { watchLongCycle } from './long-cycle';

describe('a cycle that takes long (long-cycle-unseen)', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('says so after a minute, and again each time that it has taken twice as long', () => {
    const progress = initialProgress();
    const warnings: string[] = [];
    const stop = watchLongCycle(progress, (message) => warnings.push(message));
    jest.advanceTimersByTime(60_000);
    Object.assign(progress, { phase: 'downloading', bytesDone: 5, bytesTotal: 10 });
    jest.advanceTimersByTime(60_000);
    Object.assign(progress, { phase: 'verifying', rowsDone: 1, rowsTotal: 4 });
    jest.advanceTimersByTime(120_000);
    stop();
    jest.advanceTimersByTime(3_600_000);

    expect(warnings).toEqual([
      'The sync has been running for 1 min and is requesting',
      'The sync has been running for 2 min and is downloading: 5 of 10 bytes',
      'The sync has been running for 4 min and is verifying: 1 of 4 rows',
    ]);
  });

  it('says nothing when it ends in time', () => {
    const warn = jest.fn();
    watchLongCycle(initialProgress(), warn)();
    jest.advanceTimersByTime(3_600_000);

    expect(warn).not.toHaveBeenCalled();
  });
});
