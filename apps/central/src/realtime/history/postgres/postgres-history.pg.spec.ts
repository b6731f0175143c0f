import type { TestDatabase } from '@rivulet/testing';
import { describeHistory, messageOf } from '../../../../test/realtime/history-contract';
import { createHistoryDatabase, openHistory } from '../../../../test/realtime/history-database';
import type { Pool, QueryConfig } from 'pg';
import { appendNow } from './append-now';
import { createTopics } from './history-sql';
import type { PostgresHistory } from './postgres-history';

describe('history in PostgreSQL', () => {
  describeHistory(async () => {
    const database = await createHistoryDatabase();
    return { open: () => Promise.resolve(openHistory(database)), stop: () => database.drop() };
  });
});

describe('what PostgreSQL no longer has to keep', () => {
  let database: TestDatabase;
  let history: PostgresHistory;

  beforeAll(async () => {
    database = await createHistoryDatabase();
    history = openHistory(database);
  });
  afterAll(async () => {
    await history.close();
    await database.drop();
  });

  async function count(table: string): Promise<number> {
    const { rows } = await database.pool.query<{ count: number }>(
      `SELECT count(*)::int FROM rivulet.${table}`,
    );
    return rows[0]!.count;
  }

  it('is removed', async () => {
    const kept = { size: 2, ageMs: 3_600_000 };
    for (let number = 0; number < 5; number++)
      await history.append([messageOf('kept', number, { history: kept, key: `k${number}` })]);
    await history.append([messageOf('old', 1)]);
    await database.pool.query(`
      UPDATE rivulet.realtime_messages SET published_at = now() - interval '2 hours' WHERE topic = 'old';
      UPDATE rivulet.realtime_keys SET published_at = now() - interval '2 days' WHERE key = 'k0'`);
    await history.prune();
    expect([await count('realtime_messages'), await count('realtime_keys')]).toEqual([2, 4]);
    expect((await history.read('kept', 3, kept, 10)).messages).toHaveLength(2);
  });

  it('leaves no position that is given twice when a topic is forgotten', async () => {
    for (let number = 0; number < 3; number++) await history.append([messageOf('gone', number)]);
    const before = await history.positionsOf(['gone', 'new']);
    await database.pool.query(`
      DELETE FROM rivulet.realtime_messages WHERE topic = 'gone';
      UPDATE rivulet.realtime_topics SET published_at = now() - interval '32 days' WHERE topic = 'gone'`);
    await history.prune();
    expect((await history.positionsOf(['gone'])).positions.size).toBe(0);
    const [again] = await history.append([messageOf('gone', 'again')]);
    expect(again!.message.position).toBe(before.positions.get('gone')! + 1);
    expect((await history.read('gone', 1, { size: 100, ageMs: 3_600_000 }, 10)).messages).toEqual([]);
    expect((await history.positionsOf(['new'])).floor).toBe(3);
  });

  it('stores nothing of a batch that it cannot store as a whole', async () => {
    const [first] = await history.append([messageOf('known', 1)]);
    const { position } = first!.message;
    const { pool } = database;
    const query = (asked: QueryConfig | string): Promise<unknown> =>
      asked === createTopics ? Promise.reject(new Error('gone')) : pool.query(asked);
    const batch = [messageOf('known', 2), messageOf('unknown', 1)];
    await expect(appendNow({ query } as unknown as Pool, batch)).rejects.toThrow('gone');
    const positionNow = async (): Promise<number | undefined> =>
      (await history.positionsOf(['known'])).positions.get('known');
    expect(await positionNow()).toBe(position);
    expect(await appendNow(pool, batch)).toHaveLength(2);
    expect(await positionNow()).toBe(position + 1);
  });

  it('stays with the epoch until a restore is told', async () => {
    const { epoch } = await history.positionsOf([]);
    await database.pool.query('UPDATE rivulet.central_state SET epoch = epoch + 1');
    expect((await history.positionsOf([])).epoch).not.toBe(epoch);
  });
});
