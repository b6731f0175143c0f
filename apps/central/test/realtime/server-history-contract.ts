import { setTimeout as delay } from 'node:timers/promises';
import { namedError } from '@rivulet/platform';
import type { StoringServer } from '@rivulet/testing';
import type { Appended, History } from '../../src/realtime/history/history';
import { messageOf } from './history-contract';

const rule = { size: 1_000, ageMs: 3_600_000 };

interface HistoryServer {
  start: () => Promise<StoringServer>;
  open: (url: string) => History;
  /** Removes everything while the server runs. */
  clear: (url: string) => Promise<void>;
}

/** Until the connection is there again. */
export async function whenBack<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (namedError(error).code !== 'BUS_UNAVAILABLE') throw error;
      await delay(10);
    }
  }
}

/** The promises of a {@link History} when its server is killed, or loses its data. */
export function describeHistoryServer({ start, open, clear }: HistoryServer): void {
  let server: StoringServer;
  let history: History;

  beforeEach(async () => {
    server = await start();
    history = open(server.url);
  });
  afterEach(async () => {
    await history.close();
    await server.stop();
  });

  async function append(...data: unknown[]): Promise<Appended[]> {
    return history.append(data.map((item) => messageOf('a', item, { key: `key ${JSON.stringify(item)}` })));
  }

  it('keeps epoch, positions, messages and keys of a server that is killed, and refuses meanwhile what is not stored then', async () => {
    const [first] = await append(1, 2);
    await server.kill();
    await expect(append(3)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE', retryAfterSeconds: 1 });
    await expect(history.positionsOf([])).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    await server.restart();
    const read = await whenBack(() => history.read('a', 0, rule, 10));
    expect(read).toMatchObject({ epoch: first!.epoch, last: 2 });
    expect(read.messages.map(({ data }) => data)).toEqual(['1', '2']);
    const again = await append(2, 3);
    expect(again.map(({ message, isDuplicate }) => [message.position, isDuplicate])).toEqual([
      [2, true],
      [3, false],
    ]);
  });

  it('has a new epoch when the server comes back with nothing', async () => {
    const [first] = await append(1, 2);
    await server.restartEmpty();
    const { epoch, last, messages } = await whenBack(() => history.read('a', 1, rule, 10));
    expect([last, messages]).toEqual([0, []]);
    expect(epoch).not.toBe(first!.epoch);
    const [again] = await append(1);
    expect(again).toMatchObject({ epoch, isDuplicate: false, message: { position: 1 } });
  });

  it('has a new epoch, which other processes have too, when everything is removed from the server that runs', async () => {
    const other = open(server.url);
    const [first] = await append(1, 2);
    await other.positionsOf(['a']);
    await clear(server.url);
    const epochs = await Promise.all(
      [history, other].map(async (one) => (await whenBack(() => one.positionsOf(['a']))).epoch),
    );
    const [again] = await whenBack(() => append(1));
    const read = await other.read('a', 0, rule, 10);
    await other.close();
    expect(new Set(epochs).size).toBe(1);
    expect(epochs[0]).not.toBe(first!.epoch);
    expect([again!.epoch, again!.message.position, again!.isDuplicate]).toEqual([epochs[0], 1, false]);
    expect(read).toMatchObject({ epoch: epochs[0], last: 1 });
  });

  it('does not keep what no rule keeps any more, and goes on at the position that it had', async () => {
    const kept = { size: 2, ageMs: 3_600_000 };
    for (let number = 1; number <= 5; number++)
      await history.append([messageOf('b', number, { history: kept })]);
    await history.append([1, 2].map((number) => messageOf('c', number, { history: { size: 10, ageMs: 1 } })));
    await delay(5);
    await history.prune();
    expect((await history.read('b', 3, rule, 10)).messages).toHaveLength(2);
    expect(await history.read('c', 0, { size: 10, ageMs: 1 }, 10)).toMatchObject({ last: 2, messages: [] });
    const [next] = await history.append([messageOf('c', 3)]);
    expect(next!.message.position).toBe(3);
    expect((await history.read('c', 2, rule, 10)).messages).toHaveLength(1);
  });
}
