import { setTimeout as delay } from 'node:timers/promises';
import { RowPublisher } from '../../apps/central/src/realtime/rows/row-publisher';
import { RowNotes, type RowNote } from '../../apps/central/src/source/row-notes/row-notes';
import { CentralInProcess } from '../support/apps/central-in-process';
import { asAdmin } from '../support/clients/operator';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { dataOf, inPublic, order, resyncsOf } from '../support/histories/row-messages';
import type { SyncSocket } from '../support/clients/sync-socket';
import { realtimeVariables } from '../support/clients/realtime-tokens';

const topics = `
version: 1
topics:
  - { topic: 'orders.{site_id}', subscribe: any, history: { size: 10000, age: 1h } }
  - { topic: 'parts.>', subscribe: any, history: { size: 100, age: 1h } }
`;
const rows = `
rows:
  - { table: public.orders, key: [id], topic: 'orders.{site_id}', columns: [status, total, note] }
  - { table: public.parts, key: [kind, number], topic: 'parts.{kind}' }
`;

let realtime: RealtimeCentral;
let central: CentralInProcess;
let second: CentralInProcess;

beforeAll(async () => {
  realtime = await RealtimeCentral.start(topics);
  ({ central } = realtime);
  await run(`
    CREATE TABLE orders (
      id bigint PRIMARY KEY, site_id text, status text, total numeric, note jsonb, secret text DEFAULT 'secret', seen timestamptz);
    CREATE TABLE parts (kind text NOT NULL, number int NOT NULL, name text, UNIQUE (kind, number));
    CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
    INSERT INTO orders VALUES (1000, '9')`);
  await reload(topics + rows);
  second = await CentralInProcess.join(central, {
    ...realtimeVariables,
    CENTRAL_REALTIME_FILE: realtime.file.path,
  });
  await settled();
});
afterEach(() => realtime.closeSockets());
afterAll(async () => {
  await second.stop();
  await realtime.stop();
});

async function run(statement: string): Promise<void> {
  await central.database.pool.query(inPublic + statement);
}

async function reload(text: string): Promise<[number, Record<string, unknown>]> {
  realtime.file.write(text);
  return central.call('POST', '/api/operators/realtime/reload', undefined, asAdmin);
}

async function pending(): Promise<number> {
  const { rows: counted } = await central.database.pool.query<{ count: number }>(
    'SELECT count(*)::int FROM rivulet.changed_rows',
  );
  return counted[0]!.count;
}

async function settled(): Promise<void> {
  while ((await pending()) > 0) {
    for (const one of [central, second]) await one.get(RowPublisher).publishNow();
    expect(central.get(RowPublisher).problem).toBeUndefined();
  }
}

async function follow(site: string, topic = `orders.${site}`): Promise<SyncSocket> {
  const socket = await realtime.connectAs(`user${site}`, { site_id: site });
  socket.send({ type: 'subscribe', topic });
  await socket.next('subscribe', 3);
  return socket;
}

describe('a changed row', () => {
  it('is a message of its topic, with its key and the columns that the file names', async () => {
    const [one, two] = [await follow('1'), await follow('2')];
    await run(`
      INSERT INTO orders VALUES (1, '1', 'new', 12.50, '{"a": [1]}');
      UPDATE orders SET seen = now() WHERE id = 1;
      UPDATE orders SET status = 'paid' WHERE id = 1;
      UPDATE orders SET site_id = '2' WHERE id = 1;
      UPDATE orders SET id = 9007199254740993 WHERE id = 1;
      DELETE FROM orders WHERE site_id = '2'`);
    await settled();
    await two.next('data', 4);
    const row = { status: 'new', total: '12.50', note: { a: [1] } };
    expect(dataOf(one)).toEqual([
      order('insert', 1, row),
      order('update', 1, { ...row, status: 'paid' }),
      order('delete', 1),
    ]);
    const paid = { ...row, status: 'paid' };
    expect(dataOf(two).slice(0, 1)).toEqual([order('insert', 1, paid)]);
    expect(new Set(dataOf(two).slice(1, 3))).toEqual(
      new Set([order('delete', 1), order('insert', '9007199254740993', paid)]),
    );
    expect(dataOf(two)[3]).toEqual(order('delete', '9007199254740993'));
    expect(JSON.stringify([one.received, two.received])).not.toContain('secret');
  });

  it('is told without its columns where the file names none, and to those who follow a pattern', async () => {
    const socket = await follow('x', 'parts.>');
    await run(`
      INSERT INTO parts VALUES ('nut', 1, 'a'), ('a b', 1, 'no topic has this name');
      UPDATE parts SET name = 'b' WHERE kind = 'nut'`);
    await run(`BEGIN; INSERT INTO parts VALUES ('nut', 2); ROLLBACK`);
    await run(`SET session_replication_role = replica; DELETE FROM parts; RESET session_replication_role`);
    await settled();
    await socket.next('data', 3);
    const key = { kind: 'nut', number: 1 };
    expect(dataOf(socket)).toEqual(
      ['insert', 'update', 'delete'].map((operation) => ({ table: 'public.parts', operation, key })),
    );
  });

  it('too large for a message is told by its key alone', async () => {
    const socket = await follow('3');
    await run(`INSERT INTO orders VALUES (3, '3', repeat('x', 100000)), (4, '3', repeat('x', 200000))`);
    await settled();
    await socket.next('data', 2);
    expect(new Set(dataOf(socket))).toEqual(new Set([order('insert', 3), order('insert', 4)]));
  });
});

describe('many changed rows', () => {
  it('of a few topics have these read again, and no others', async () => {
    const [one, two] = [await follow('11'), await follow('12')];
    await run(`INSERT INTO orders SELECT 2000 + n, '11' FROM generate_series(1, 1001) AS n`);
    await run(`INSERT INTO orders VALUES (1, '12')`);
    await settled();
    await one.next('sync');
    await two.next('data');
    expect([resyncsOf(one), resyncsOf(two), dataOf(one)]).toEqual([['orders.11'], [], []]);
    await run(`UPDATE orders SET status = 'x' WHERE id = 2001`);
    await settled();
    expect(await one.next('data')).toMatchObject({ data: { operation: 'update' } });
  });

  it('of a whole table have all of its topics read again, also those without a message', async () => {
    const [quiet, busy, all] = [await follow('21'), await follow('22'), await follow('x', 'parts.bolt.>')];
    await run(`INSERT INTO orders VALUES (22, '22')`);
    await settled();
    await busy.next('data');
    await run('TRUNCATE orders; TRUNCATE parts');
    await settled();
    await Promise.all([quiet, busy, all].map((socket) => socket.next('sync')));
    expect([quiet, busy, all].map((socket) => [...new Set(resyncsOf(socket))])).toEqual([
      ['orders.21'],
      ['orders.22'],
      ['parts.bolt.>'],
    ]);
    await run(`INSERT INTO orders VALUES (21, '21'), (22, '22')`);
    await settled();
    await Promise.all([quiet.next('data'), busy.next('data', 2)]);
  });

  it('while central was away are bounded, and are read again', async () => {
    const socket = await follow('31');
    const client = await central.database.pool.connect();
    await client.query(`${inPublic} BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('rivulet changed rows', 0));
      INSERT INTO rivulet.changed_rows (relation, transaction, note) VALUES (0, pg_current_xact_id(), '{}')`);
    await client.query(`SELECT setval('rivulet.changed_rows_id_seq', (SELECT last_value + 100001 FROM rivulet.changed_rows_id_seq));
      INSERT INTO rivulet.changed_rows (relation, transaction, note) VALUES (0, pg_current_xact_id(), '{}')`);
    await client.query(`INSERT INTO orders VALUES (31, '31'); UPDATE orders SET status = 'x' WHERE id = 31`);
    const { rows: noted } = await client.query<{ note: unknown }>(
      `SELECT note FROM rivulet.changed_rows WHERE relation = 'orders'::regclass`,
    );
    await client.query('COMMIT');
    client.release();
    expect(noted).toEqual([{ note: null }]);
    await settled();
    await socket.next('sync');
    expect(resyncsOf(socket)[0]).toBe('orders.31');
  });
});

describe('the notes of two centrals', () => {
  it('are published once and in order, whichever of them is killed in the middle', async () => {
    const [socket, keys, writes] = [await follow('41'), 5, 40];
    await run(`INSERT INTO orders SELECT n, '41' FROM generate_series(4101, 4100 + ${keys}) AS n`);
    const writing = Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let count = 0; count < writes; count++) {
          const id = 4101 + ((count + writer) % keys);
          await run(
            `UPDATE orders SET total = coalesce(total, 0) + 1, status = '${writer}.${count}' WHERE id = ${id}`,
          );
        }
      }),
    );
    // Published, and then lost before the notes were removed: as of a process that is killed there.
    const publisher = central.get(RowPublisher) as unknown as {
      publish(notes: readonly RowNote[]): Promise<void>;
    };
    const writers = { areDone: false };
    const killing = (async () => {
      while (!writers.areDone) {
        await central
          .get(RowNotes)
          .take(async (notes) => {
            await publisher.publish(notes);
            throw new Error('killed');
          })
          .catch(() => undefined);
        await delay(5);
      }
    })();
    await writing;
    writers.areDone = true;
    await killing;
    await settled();
    await socket.next('data', keys + 4 * writes);
    const totals = new Map<string, string[]>();
    for (const { data } of socket.of('data')) {
      const { key, row } = data as { key: { id: string }; row: { total: string | null } };
      totals.set(key.id, [...(totals.get(key.id) ?? []), row.total ?? '0']);
    }
    for (const own of totals.values()) expect(own).toEqual(own.map((_, index) => String(index)));
    expect([...totals.values()].flat()).toHaveLength(keys + 4 * writes);
  });

  it('of a transaction that commits late are not missed', async () => {
    const socket = await follow('51');
    const late = await central.database.pool.connect();
    await late.query(`${inPublic} BEGIN; INSERT INTO orders VALUES (51, '51', 'late')`);
    await run(`INSERT INTO orders VALUES (52, '51', 'early')`);
    await settled();
    await socket.next('data');
    await late.query('COMMIT');
    late.release();
    await settled();
    await socket.next('data', 2);
    expect(dataOf(socket)).toEqual([
      order('insert', 52, { status: 'early', total: null, note: null }),
      order('insert', 51, { status: 'late', total: null, note: null }),
    ]);
  });

  it('begin again where a table was made again, whose topics are read again', async () => {
    const socket = await follow('61');
    // Before the table goes: whichever central looks first tells it, and only once.
    const all = await follow('x', 'parts.>');
    await run(`DROP TABLE parts; CREATE TABLE parts (kind text, number int, PRIMARY KEY (kind, number))`);
    for (const one of [central, second]) Object.assign(one.get(RowPublisher), { checkAtMs: 0 });
    while (resyncsOf(all).length === 0) {
      await central.get(RowPublisher).publishNow();
      await delay(5);
    }
    await run(`INSERT INTO parts VALUES ('nut', 7)`);
    await settled();
    expect((await all.next('data'))['data']).toMatchObject({ key: { kind: 'nut', number: 7 } });
    expect(dataOf(socket)).toEqual([]);
  });
});

describe('the entries of rows', () => {
  it.each([
    ['{ table: missing, key: [id], topic: "orders.{site_id}" }', '7:14', 'has no table missing'],
    ['{ table: public.parted, key: [id], topic: "orders.{id}" }', '7:14', 'is partitioned'],
    ['{ table: pg_class, key: [oid], topic: "orders.{oid}" }', '7:14', 'is no table of yours'],
    ['{ table: public.orders, key: [id], topic: "orders.{site}" }', '7:14', 'has no column site'],
    ['{ table: public.orders, key: [status], topic: "orders.{site_id}" }', '7:14', 'is no key'],
    ['{ table: orders, key: [id], topic: "other.{site_id}" }', '7:40', 'no one entry of topics'],
    ['{ table: orders, key: [id], topic: "orders.{site id}" }', '7:40', 'is not a topic of rows'],
    ['{ table: orders, key: [], topic: "orders.{site_id}" }', '7:27', 'names no column'],
    ['{ table: orders, topic: "orders.{site_id}" }', '7:5', 'needs table, key and topic'],
    ['{ table: orders, key: [id], colums: [id], topic: "orders.{id}" }', '7:33', 'columns'],
  ])('%s are refused at %s', async (entry, place, reason) => {
    expect(await reload(`${topics}rows:\n  - ${entry}`)).toEqual([
      500,
      expect.objectContaining({
        code: 'REALTIME_FILE_INVALID',
        detail: expect.stringMatching(new RegExp(`${place}: .*${reason}`)) as string,
      }),
    ]);
  });

  it('are refused where changes are polled, and the cure is told', async () => {
    const tables = [{ table: 'orders', key: ['id'], topic: [], columns: [] }];
    const polled = new RowNotes(undefined as never, 'poll', undefined as never);
    expect(await polled.check(tables)).toEqual([expect.stringContaining('set it to trigger')]);
  });

  it('that are taken away take the triggers away', async () => {
    await reload(topics);
    await second.call('POST', '/api/operators/realtime/reload', undefined, asAdmin);
    const count = `SELECT count(*)::int FROM pg_trigger WHERE tgname LIKE 'rivulet_rows%'`;
    const left = async (): Promise<number> => {
      const { rows: counted } = await central.database.pool.query<{ count: number }>(count);
      return counted[0]!.count;
    };
    while ((await left()) > 0) await delay(5);
    expect(await left()).toBe(0);
  });
});
