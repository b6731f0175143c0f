import { isInstalled, startRedis } from '@rivulet/testing';
import { Redis } from 'ioredis';
import { describeHistory, messageOf } from '../../../../test/realtime/history-contract';
import { describeHistoryServer, whenBack } from '../../../../test/realtime/server-history-contract';
import { RedisHistory } from './redis-history';
import { RedisStore } from './redis-store';

const describeRedis = isInstalled('redis-server', 'history in Redis') ? describe : describe.skip;

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

describeRedis('history in Redis', () => {
  describeHistory(async () => {
    const server = await startRedis();
    return { open: () => Promise.resolve(new RedisHistory(server.url)), stop: () => server.stop() };
  });
});

describeRedis('the server of a history in Redis', () => {
  describeHistoryServer({
    start: startRedis,
    open: (url) => new RedisHistory(url),
    clear: async (url) => void (await withRedis(url, (redis) => redis.flushall())),
  });

  it('gives a new epoch when it is restarted and does not write everything to its disk first', async () => {
    const server = await startRedis({ isStoring: false });
    const history = new RedisHistory(server.url);
    const [first] = await history.append([messageOf('a', 1)]);
    // Redis has what it saved some time ago, and not what came later.
    await withRedis(server.url, async (redis) => void (await redis.save()));
    await history.append([messageOf('a', 2)]);
    await server.kill();
    await server.restart();
    const { epoch, positions } = await whenBack(() => history.positionsOf(['a']));
    expect(positions.get('a')).toBe(1);
    expect(epoch).not.toBe(first!.epoch);
    await history.close();
    await server.stop();
  });

  it('may evict the names of topics, which are made again, and where topics stand, which is a new epoch', async () => {
    const server = await startRedis();
    const history = new RedisHistory(server.url);
    const [first] = await history.append([messageOf('a.1', 1), messageOf('a.2', 1), messageOf('_user.a', 1)]);
    await withRedis(server.url, (redis) => redis.del('rivulet.topics.names'));
    expect([...(await history.list('a.', 10)).positions.keys()]).toEqual(['a.1', 'a.2']);
    await withRedis(server.url, (redis) => redis.del('rivulet.topics.positions'));
    const [again] = await history.append([messageOf('a.1', 2)]);
    expect(again!.message.position).toBe(1);
    expect(again!.epoch).not.toBe(first!.epoch);
    expect(
      (await history.read('a.1', 0, { size: 10, ageMs: 60_000 }, 10)).messages.map(({ data }) => data),
    ).toEqual(['2']);
    await history.close();
    await server.stop();
  });

  it('forgets topics that nobody published to for long, and gives none of their positions twice', async () => {
    const server = await startRedis();
    const history = new RedisHistory(server.url);
    const none = { size: 0, ageMs: 0 };
    await history.append([1, 2, 3].map((number) => messageOf('gone', number, { history: none })));
    await withRedis(server.url, (redis) => redis.zadd('rivulet.topics.heard', 1, 'gone'));
    await history.prune();
    const { positions, floor } = await history.positionsOf(['gone']);
    expect([positions.get('gone'), floor]).toEqual([undefined, 3]);
    expect((await history.append([messageOf('gone', 4)]))[0]!.message.position).toBe(4);
    await history.close();
    await server.stop();
  });

  it('is a replica, which is refused with the reason', async () => {
    const server = await startRedis();
    await withRedis(server.url, (redis) => redis.replicaof('127.0.0.1', 1));
    const store = new RedisStore(server.url);
    await expect(store.fields([])).rejects.toThrow('the server is a replica');
    store.close();
    await server.stop();
  });
});
