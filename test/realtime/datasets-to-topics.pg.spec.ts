import fc from 'fast-check';
import {
  readTableFacts,
  whyNotNoted,
  type TableFacts,
} from '../../apps/central/src/source/row-notes/noted-table';
import { RowPublisher } from '../../apps/central/src/realtime/rows/row-publisher';
import type { CentralInProcess } from '../support/apps/central-in-process';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { dataOf, inPublic, resyncsOf } from '../support/histories/row-messages';
import type { SyncSocket } from '../support/clients/sync-socket';
import {
  anyTicketWrite,
  datasetsFile,
  followed,
  ticket,
  ticketDatasets,
  ticketTables,
} from '../support/clients/tickets';
import { writeTemporaryFile, type TemporaryFile } from '../support/documents/written-file';

const topics = `
version: 1
topics:
  - { topic: 'tickets.{site_id}', subscribe: any, history: { size: 1000, age: 1h } }
  - { topic: 'other.>', subscribe: any, history: { size: 1000, age: 1h } }
`;
const rows = `
rows:
  - { dataset: tickets, topic: 'tickets.{site_id}', columns: [title] }
  - { dataset: shown, topic: 'other.{team_ids}' }
`;
let realtime: RealtimeCentral;
let central: CentralInProcess;
let file: TemporaryFile;

beforeAll(async () => {
  file = writeTemporaryFile('datasets.yaml', datasetsFile({ devices: 'SELECT id AS number FROM devices' }));
  realtime = await RealtimeCentral.start(topics, { CENTRAL_DATASETS_FILE: file.path });
  ({ central } = realtime);
  await run(ticketTables);
  await reloadDatasets(ticketDatasets);
  await reload(topics + rows);
  await settled();
});
afterEach(() => realtime.closeSockets());
afterAll(async () => {
  await realtime?.stop();
  file.remove();
});

async function run(statement: string): Promise<void> {
  await central.database.pool.query(inPublic + statement);
}

async function reloadDatasets(queries: Record<string, string>): Promise<void> {
  file.write(datasetsFile(queries));
  expect(await central.call('POST', '/api/operators/datasets/reload')).toEqual([200, expect.anything()]);
}

async function reload(text: string): Promise<[number, Record<string, unknown>]> {
  realtime.file.write(text);
  return central.call('POST', '/api/operators/realtime/reload');
}

async function settled(): Promise<void> {
  const publisher = central.get(RowPublisher);
  for (let left = 1; left > 0;) {
    await publisher.publishNow();
    expect(publisher.problem).toBeUndefined();
    const { rows: counted } = await central.database.pool.query<{ left: number }>(
      'SELECT count(*)::int AS left FROM rivulet.changed_rows',
    );
    left = counted[0]!.left;
  }
}

/** Nothing is published while `work` runs. */
async function unpublished(work: () => Promise<void>): Promise<void> {
  const client = await central.database.pool.connect();
  await client.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('rivulet changed rows', 0))`);
  await work();
  await client.query('COMMIT');
  client.release();
  await settled();
}

async function follow(site: number, topic = `tickets.${site}`): Promise<SyncSocket> {
  const socket = await realtime.connectAs(`user${site}`, { site_id: String(site) });
  socket.send({ type: 'subscribe', topic });
  await socket.next('subscribe', 3);
  return socket;
}

describe('a changed row of a dataset', () => {
  it('is told while it is, or was, a row of it, and says nothing that the dataset does not send', async () => {
    const [one, two] = [await follow(1), await follow(2)];
    const writer = await central.database.pool.connect();
    await writer.query(`${inPublic} SET standard_conforming_strings = off; SET transform_null_equals = on`);
    for (const statement of [
      `INSERT INTO tickets VALUES (1, 1, 'hidden', 'draft'), (2, 1, 'a', 'open'), (3, 1, 'hidden %', 'open')`,
      `UPDATE tickets SET secret = 'another secret'`,
      `UPDATE tickets SET title = title || 'b'`,
      `UPDATE tickets SET state = 'closed' WHERE id = 2`,
      `UPDATE tickets SET state = 'draft' WHERE id = 2`,
      `UPDATE tickets SET title = 'hidden' WHERE id = 2`,
      `UPDATE tickets SET state = 'open', title = 'c' WHERE id < 3`,
      `UPDATE tickets SET id = 4 WHERE id = 2`,
      `UPDATE tickets SET site_id = 2 WHERE id = 4`,
      `UPDATE tickets SET site_id = NULL WHERE id = 1`,
      `DELETE FROM tickets`,
    ])
      await writer.query(statement);
    writer.release(true);
    await settled();
    await Promise.all([one.next('data', 9), two.next('data', 2)]);
    expect(dataOf(one).slice(0, 4)).toEqual([
      ticket('insert', 2, 'a'),
      ticket('update', 2, 'ab'),
      ticket('update', 2, 'ab'),
      ticket('delete', 2),
    ]);
    expect([4, 6, 8].map((start) => new Set(dataOf(one).slice(start, start + 2)))).toEqual([
      new Set([ticket('insert', 1, 'c'), ticket('insert', 2, 'c')]),
      new Set([ticket('delete', 2), ticket('insert', 4, 'c')]),
      new Set([ticket('delete', 4), ticket('delete', 1)]),
    ]);
    expect(dataOf(two)).toEqual([ticket('insert', 4, 'c'), ticket('delete', 4)]);
    expect(JSON.stringify([one.received, two.received])).not.toMatch(/secret|hidden|draft/);
  });

  it('leaves whoever follows the messages with the rows of the dataset, whatever is written', async () => {
    const seed = Date.now() % 2 ** 31;
    const sites = [31, 32];
    const sockets = await Promise.all(sites.map((site) => follow(site)));
    await run(
      fc
        .sample(fc.array(anyTicketWrite, { minLength: 300, maxLength: 300 }), { seed, numRuns: 1 })[0]!
        .join(';'),
    );
    await run(`INSERT INTO tickets SELECT site, site, 'last', 'open' FROM unnest(ARRAY[31, 32]) AS site`);
    await settled();
    for (const [index, socket] of sockets.entries()) {
      await socket.until(() => dataOf(socket).some((data) => JSON.stringify(data).includes('last')));
      const { rows: truth } = await central.database.pool.query(
        `SELECT id::text AS number, title FROM public.tickets WHERE site_id = $1 AND state <> 'draft' AND title NOT LIKE '%\\%%'`,
        [sites[index]],
      );
      expect(dataOf(socket).length).toBeGreaterThan(5);
      expect({ seed, rows: followed(socket) }).toEqual({
        seed,
        rows: new Map(truth.map(({ number, title }: Record<string, string>) => [number, title])),
      });
    }
    await run('DELETE FROM tickets');
  });

  it('comes through a view, with the columns that its parameter is compared with as words of the topic', async () => {
    const socket = await follow(1, 'other.>');
    await run(`INSERT INTO parts VALUES (1, 7, 'a', 10), (2, 7, 'b', 11); UPDATE parts SET price = 12`);
    await settled();
    await socket.next('data', 2);
    expect(socket.of('data').map(({ topic, data }) => [topic, data])).toEqual([
      ['other.7', { dataset: 'shown', operation: 'insert', key: { number: 2 } }],
      ['other.7', { dataset: 'shown', operation: 'insert', key: { number: 1 } }],
    ]);
  });

  it('is for those alone who may subscribe to its topic', async () => {
    const socket = await realtime.connectAs('user1', { site_id: '1' });
    socket.send({ type: 'subscribe', topic: 'tickets.2' });
    expect(await socket.next('error')).toMatchObject({ code: 'TOPIC_FORBIDDEN' });
  });

  it('has only the topics read again of which it is a row, where many have changed', async () => {
    const [one, two] = [await follow(11), await follow(12)];
    await run(
      `INSERT INTO tickets SELECT n, 11 + n % 2, 'many', CASE n % 2 WHEN 0 THEN 'open' ELSE 'draft' END::ticket_state
       FROM generate_series(100, 1200) AS n`,
    );
    await run(`INSERT INTO tickets VALUES (1, 12, 'last', 'open')`);
    await settled();
    await Promise.all([one.next('sync'), two.next('data')]);
    expect([resyncsOf(one), resyncsOf(two)]).toEqual([['tickets.11'], []]);
  });
});

describe('a row that a dataset no longer has', () => {
  it('is not told by the condition that the datasets file had when it was noted', async () => {
    const socket = await follow(21);
    await unpublished(async () => {
      await run(`INSERT INTO tickets VALUES (21, 21, 'not for you any more', 'closed')`);
      await reloadDatasets({
        ...ticketDatasets,
        tickets: ticketDatasets['tickets']!.replace('title NOT', "state <> 'closed' AND title NOT"),
      });
    });
    await socket.next('sync');
    await run(`INSERT INTO tickets VALUES (22, 21, 'closed', 'closed'), (23, 21, 'open', 'open')`);
    await settled();
    await socket.next('data');
    expect(dataOf(socket)).toEqual([ticket('insert', 23, 'open')]);
  });

  it('is not told by the condition that a view had when it was noted', async () => {
    const socket = await follow(1, 'other.8');
    await unpublished(async () => {
      await run(`INSERT INTO parts VALUES (81, 8, 'not for you any more', 50)`);
      await run(`CREATE OR REPLACE VIEW shown_parts AS SELECT * FROM parts WHERE price > 100`);
      // What is only tried, and refused, changes nothing.
      expect((await reload(topics + rows.replace('{team_ids}', '{team}')))[0]).toBe(500);
    });
    await socket.next('sync');
    await run(`INSERT INTO parts VALUES (82, 8, 'cheap', 50), (83, 8, 'dear', 101)`);
    await settled();
    await socket.next('data');
    expect(dataOf(socket)).toEqual([{ dataset: 'shown', operation: 'insert', key: { number: 83 } }]);
  });
});

describe('an entry of rows with a dataset', () => {
  it.each([
    ['{ dataset: ticket, topic: "other.x" }', '7:16', 'no such dataset. Did you mean "?tickets'],
    [
      '{ dataset: joined, topic: "other.x" }',
      '7:16',
      'it reads several tables.*; tell the changes of its tables instead, with table:',
    ],
    [
      '{ dataset: computed, topic: "other.x" }',
      '7:16',
      'its column title is not a column of public.tickets as it is',
    ],
    ['{ dataset: own, topic: "other.x" }', '7:16', 'its condition uses function public.is_shown'],
    ['{ dataset: moving, topic: "other.x" }', '7:16', 'now\\(\\)'],
    [
      '{ dataset: zoned, topic: "other.x" }',
      '7:16',
      'as one of the row alone .functions in index predicate must be marked IMMUTABLE',
    ],
    ['{ dataset: compared, topic: "other.{at}" }', '7:16', 'a condition with a parameter is not of the form'],
    ['{ dataset: keyless, topic: "other.x" }', '7:16', 'site_id is no key of the table'],
    [
      '{ dataset: tickets, topic: "other.{number}" }',
      '7:16',
      'depends on :site_id, so the topic must have the word {site_id}',
    ],
    [
      '{ dataset: tickets, topic: "other.{site_id}.{secret}" }',
      '7:16',
      '{secret} in the topic is neither a column',
    ],
    ['{ dataset: tickets, topic: "other.{site_id}", columns: [secret] }', '7:16', 'it has no column secret'],
    [
      '{ dataset: tickets, key: [number], topic: "other.{site_id}" }',
      '7:30',
      'has its table and its key; remove this',
    ],
    ['{ topic: "other.x" }', '7:5', 'needs table, key and topic, or dataset and topic'],
  ])('%s is refused at %s', async (entry, place, reason) => {
    expect(await reload(`${topics}rows:\n  - ${entry}`)).toEqual([
      500,
      expect.objectContaining({
        code: 'REALTIME_FILE_INVALID',
        detail: expect.stringMatching(new RegExp(`${place}: .*${reason}`)) as string,
      }),
    ]);
  });

  it('is refused where an entry before it has the same table', async () => {
    const both = `rows:\n  - { table: tickets, key: [id], topic: 'other.x' }\n  - { dataset: plain, topic: 'other.x' }`;
    const [status, { detail }] = await reload(topics + both);
    expect([status, detail]).toEqual([
      500,
      expect.stringMatching(/8:16: .*its table public.tickets is that of an entry/),
    ]);
  });

  it('can be installed by the owner of its table, with the statement in the reason', async () => {
    const columns = { number: 'id', "it's": 'title' };
    const selection = { condition: "(state <> 'draft'::public.ticket_state)", columns };
    const noted = {
      table: 'public.tickets',
      topic: ['site_id'],
      key: ['number'],
      columns: ["it's"],
      selection,
    };
    const client = await central.database.pool.connect();
    const read = async (): Promise<TableFacts> => (await readTableFacts(client, [noted]))[0]!;
    await client.query('BEGIN');
    const [, statement] = /run: (SELECT .*)$/.exec(
      whyNotNoted(noted, { ...(await read()), mayInstall: false })!,
    )!;
    await client.query(statement!);
    expect((await read()).isNoted).toBe(true);
    client.release(true);
  });
});
