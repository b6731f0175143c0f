import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { TableTask } from '../../mirrors/plan-tables';
import type { DatabaseLease } from '../../state/database-lease';
import { initialProgress } from '../../state/sync-progress';
import { CycleContext, type SyncCycleDependencies } from './cycle-context';
import { findCure } from './find-cure';
import { recordFailure } from './record-failure';

const named = new RivuletError('CENTRAL_UNREACHABLE', 'It is away.');

let recordCycle: jest.Mock;
let markAcknowledged: jest.Mock;
let acknowledge: jest.Mock;
let warnings: string[];

beforeEach(() => {
  recordCycle = jest.fn().mockResolvedValue(undefined);
  markAcknowledged = jest.fn().mockResolvedValue(undefined);
  acknowledge = jest.fn().mockResolvedValue(undefined);
  warnings = [];
});

function context(signal = new AbortController().signal): CycleContext {
  const dependencies = {
    hub: { acknowledge },
    state: { recordCycle, markAcknowledged },
    now: () => new Date('2026-11-21T08:00:00Z'),
    newId: () => '01KAJ9V9RW4C7ZK3DYE7V1NB2R',
    nameError: () => named,
    onWarning: (message: string) => warnings.push(message),
  } as unknown as SyncCycleDependencies;
  const order = { trigger: 'operator', confirmDeletes: false } as const;
  const cycle = new CycleContext(dependencies, order, {} as DatabaseLease, initialProgress(), signal);
  cycle.report.describe({ manifestId: '01KAJ9V9RW4C7ZK3DYE7V1NB2V', epoch: 1, sequence: 2 });
  return cycle;
}

describe('the record of a failure', () => {
  it('is written to the log, and central is told', async () => {
    const result = await recordFailure(context(), new Error('ECONNREFUSED'));

    expect(result).toMatchObject({
      status: 'failed',
      acknowledged: true,
      error: { code: 'CENTRAL_UNREACHABLE' },
    });
    expect(recordCycle).toHaveBeenCalledWith(expect.objectContaining({ acknowledged: false }));
    expect(acknowledge.mock.calls).toMatchObject([
      [{ status: 'failed', manifestId: '01KAJ9V9RW4C7ZK3DYE7V1NB2V' }, {}],
    ]);
  });

  it('that the log does not take is not told to central, which may know of a commit', async () => {
    recordCycle.mockRejectedValue(new Error('The connection is gone.'));

    expect(await recordFailure(context(), new Error('no'))).toMatchObject({ acknowledged: false });
    expect(acknowledge).not.toHaveBeenCalled();
    expect(warnings).toEqual(['The failure could not be written to the log']);
  });

  it('is not told to central while the edge stops', async () => {
    expect(await recordFailure(context(AbortSignal.abort()), new Error('no'))).toMatchObject({
      acknowledged: false,
    });
    expect(acknowledge).not.toHaveBeenCalled();
  });

  it('is complete when central does not take it', async () => {
    acknowledge.mockRejectedValue(named);

    expect(await recordFailure(context(), new Error('no'))).toMatchObject({
      status: 'failed',
      acknowledged: false,
    });
    expect(markAcknowledged).not.toHaveBeenCalled();
  });
});

describe('a failed attempt', () => {
  it.each<[ErrorCode, TableTask[]]>([
    ['CHECKSUM_MISMATCH', []],
    ['FRAME_INVALID', []],
    ['MIRROR_GUARDED', [{ action: 'patch' } as TableTask]],
    ['DISK_FULL', [{ action: 'merge' } as TableTask]],
  ])('with %s and the tasks %j has no cure in the same cycle', async (code, suspects) => {
    const error = new RivuletError(code, 'It failed.');
    expect(await findCure(context(), { kind: 'failed', error, suspects })).toBe('none');
  });
});
