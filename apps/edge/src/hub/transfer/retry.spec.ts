import { setTimeout as sleep } from 'node:timers/promises';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { withRetries } from './retry';

const settings = { retries: 3, minDelayMs: 1, maxDelayMs: 4 };

/** Fails in this order, then succeeds. */
function failing(...errors: unknown[]): jest.Mock<Promise<string>, []> {
  const work = jest.fn<Promise<string>, []>();
  for (const error of errors) work.mockRejectedValueOnce(error);
  return work.mockResolvedValue('done');
}

function named(code: ErrorCode, retryAfterSeconds?: number): RivuletError {
  return new RivuletError(
    code,
    `It is ${code}.`,
    retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
  );
}

describe('retrying', () => {
  const never = new AbortController().signal;
  const onRetry = jest.fn<void, [RivuletError, number]>();

  beforeEach(() => onRetry.mockClear());

  it.each<ErrorCode>([
    'CENTRAL_UNREACHABLE',
    'SERVER_BUSY',
    'SHUTTING_DOWN',
    'DATABASE_UNAVAILABLE',
    'FRAME_INVALID',
  ])('tries again after %s', async (code) => {
    const work = failing(named(code), named(code));

    await expect(withRetries(work, settings, never, onRetry)).resolves.toBe('done');

    expect(onRetry.mock.calls.map(([error, attempt]) => [error.code, attempt])).toEqual([
      [code, 1],
      [code, 2],
    ]);
  });

  it.each<ErrorCode>(['DEVICE_UNKNOWN', 'MANIFEST_INVALID', 'DISK_FULL', 'INTERNAL'])(
    'takes %s for an answer',
    async (code) => {
      const work = failing(named(code));

      await expect(withRetries(work, settings, never, onRetry)).rejects.toMatchObject({ code });

      expect(work).toHaveBeenCalledTimes(1);
      expect(onRetry).not.toHaveBeenCalled();
    },
  );

  it('does not repeat what failed for a reason of its own', async () => {
    const work = failing(new TypeError('fetch failed'));

    await expect(withRetries(work, settings, never, onRetry)).rejects.toThrow('fetch failed');

    expect(work).toHaveBeenCalledTimes(1);
  });

  it('gives up after the last attempt, with its error', async () => {
    const errors = ['one', 'two', 'three', 'four'].map((text) => new RivuletError('SERVER_BUSY', text));
    const work = failing(...errors);

    await expect(withRetries(work, settings, never, onRetry)).rejects.toThrow('four');

    expect(work).toHaveBeenCalledTimes(4);
    expect(onRetry).toHaveBeenCalledTimes(3);
  });

  it('waits as long as Retry-After asks', async () => {
    const order: string[] = [];
    const work = failing(named('SERVER_BUSY', 0.2));
    const running = withRetries(work, settings, never, onRetry).then(() => order.push('second attempt'));
    await Promise.all([running, sleep(50).then(() => order.push('a while'))]);

    expect(order).toEqual(['a while', 'second attempt']);
  });

  it('leaves it to the next cycle when Retry-After asks for longer than a minute', async () => {
    const work = failing(named('SERVER_BUSY', 61));

    await expect(withRetries(work, settings, never, onRetry)).rejects.toMatchObject({ code: 'SERVER_BUSY' });

    expect(work).toHaveBeenCalledTimes(1);
  });

  it.each([
    [
      'between two attempts',
      named('CENTRAL_UNREACHABLE'),
      { ...settings, minDelayMs: 60_000, maxDelayMs: 60_000 },
    ],
    ['while it waits for Retry-After', named('SERVER_BUSY', 60), settings],
  ])('stops at once when it is aborted %s', async (_, error, patient) => {
    const stopping = new AbortController();
    const work = failing(error);
    const running = withRetries(work, patient, stopping.signal, () => {
      setTimeout(() => stopping.abort(named('SHUTTING_DOWN')), 5);
    });

    await expect(running).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });

    expect(work).toHaveBeenCalledTimes(1);
  });
});
