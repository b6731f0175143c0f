import { CycleReport } from './cycle-report';

const at = new Date('2026-11-21T08:00:03.120Z');

function report(times = [at]): CycleReport {
  return new CycleReport('01KAJ9V9RW4C7ZK3DYE7V1NB2R', 'schedule', () => times.shift() ?? at);
}

describe('the report of a cycle', () => {
  it('is about no manifest until central has named one', () => {
    expect(report().end({ status: 'failed', tables: [], acknowledged: false })).toEqual({
      cycleId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R',
      trigger: 'schedule',
      status: 'failed',
      manifestId: null,
      epoch: null,
      sequence: null,
      startedAt: at.toISOString(),
      finishedAt: at.toISOString(),
      durations: { requestMs: 0, downloadMs: 0, applyMs: 0, verifyMs: 0, totalMs: 0 },
      wireBytes: 0,
      acknowledged: false,
      tables: [],
    });
  });

  it('adds up what both attempts of a cycle have fetched, and rounds the durations', () => {
    const cycle = report();
    cycle.describe({ manifestId: '1', epoch: 1, sequence: 2 });
    cycle.received(100);
    cycle.received(50);
    cycle.applied(1.6, 2.4);

    expect(cycle.end({ status: 'applied', tables: [], acknowledged: true })).toMatchObject({
      manifestId: '1',
      sequence: 2,
      wireBytes: 150,
      durations: { applyMs: 2, verifyMs: 2 },
    });
  });

  it('ends each time it is asked, by the clock of that moment', () => {
    const cycle = report([at, new Date('2026-11-21T08:00:04Z'), new Date('2026-11-21T08:00:05Z')]);
    const ending = { status: 'applied' as const, tables: [], acknowledged: false };

    expect(cycle.end(ending).finishedAt).toBe('2026-11-21T08:00:04.000Z');
    expect(cycle.end(ending).finishedAt).toBe('2026-11-21T08:00:05.000Z');
  });

  it('does not count the time of work that fails', async () => {
    const cycle = report();
    await expect(cycle.timed('requestMs', () => Promise.reject(new Error('no')))).rejects.toThrow('no');

    expect(await cycle.timed('downloadMs', () => Promise.resolve('done'))).toBe('done');
    expect(cycle.end({ status: 'failed', tables: [], acknowledged: false }).durations.requestMs).toBe(0);
  });
});
