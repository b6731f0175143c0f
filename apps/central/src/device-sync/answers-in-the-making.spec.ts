import type { SyncRequest, SyncResponse } from '@rivulet/protocol';
import { AnswersInTheMaking } from './answers-in-the-making';

const device = { macAddress: '48:b0:2d:e9:c3:b7' };
const asked: SyncRequest = { protocolVersion: 1, nonce: 'q83vEjRWeJCrze8SNFZ4kA', tables: [] };
const response: SyncResponse = {
  status: 'current',
  statement: 'signed',
  manifestId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R',
};

function deferred(): {
  make: jest.Mock<Promise<SyncResponse>, []>;
  resolve: (value: SyncResponse) => void;
  reject: (error: Error) => void;
} {
  let resolve!: (value: SyncResponse) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<SyncResponse>((...settle) => ([resolve, reject] = settle));
  return { make: jest.fn(() => promise), resolve, reject };
}

describe('an answer that is being made', () => {
  let answers: AnswersInTheMaking;
  beforeEach(() => (answers = new AnswersInTheMaking()));

  it('is given at once when it is there in time', async () => {
    expect(await answers.within(60_000, device, asked, () => Promise.resolve(response))).toBe(response);
  });

  it('is given to the same request that comes again, and is made once', async () => {
    const { make, resolve } = deferred();

    expect(await answers.within(1, device, asked, make)).toBeUndefined();
    expect(await answers.within(1, device, { ...asked }, make)).toBeUndefined();
    resolve(response);

    expect(await answers.within(60_000, device, asked, make)).toBe(response);
    expect(make).toHaveBeenCalledTimes(1);
  });

  it('is given once: whoever asks once more has it made again', async () => {
    const make = jest.fn(() => Promise.resolve(response));
    await answers.within(60_000, device, asked, make);
    await answers.within(60_000, device, asked, make);

    expect(make).toHaveBeenCalledTimes(2);
  });

  it('fails for whoever asks next when its making fails between two requests, and then is made again', async () => {
    const { make, reject } = deferred();
    expect(await answers.within(1, device, asked, make)).toBeUndefined();
    reject(new Error('The query failed.'));

    await expect(answers.within(60_000, device, asked, make)).rejects.toThrow('The query failed.');
    expect(await answers.within(60_000, device, asked, () => Promise.resolve(response))).toBe(response);
  });

  it('is not given to another device, nor to another request of the same nonce', async () => {
    const slow = deferred();
    await answers.within(1, device, asked, slow.make);
    const own = jest.fn(() => Promise.resolve(response));

    await answers.within(60_000, { macAddress: '48:b0:2d:73:b4:0d' }, asked, own);
    await answers.within(60_000, device, { ...asked, wholeTables: true }, own);

    const [one, other] = ['one', 'other'].map((deviceId) => ({ ...device, deviceId }));
    await answers.within(1, one!, { ...asked, wholeTables: false }, slow.make);
    await answers.within(60_000, other!, { ...asked, wholeTables: false }, own);

    expect(own).toHaveBeenCalledTimes(3);
    slow.resolve(response);
  });

  it('is forgotten when nobody comes for it', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const { make, resolve } = deferred();
    const first = answers.within(1_000, device, asked, make);
    await jest.advanceTimersByTimeAsync(1_000);
    await first.catch(() => undefined);
    resolve(response);
    await jest.advanceTimersByTimeAsync(60_000);
    jest.useRealTimers();

    const again = jest.fn(() => Promise.resolve(response));
    await answers.within(60_000, device, asked, again);
    expect(again).toHaveBeenCalledTimes(1);
  });
});
