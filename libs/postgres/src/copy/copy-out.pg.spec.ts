import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { ClientBase, Connection } from 'pg';
import { copyOut, copyOutEach } from './copy-out';
import { withClient } from '../pool';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query('CREATE TABLE lines AS SELECT id FROM generate_series(1, 100) AS id');
});

afterAll(() => database.drop());

async function collect(client: ClientBase, statement: string): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for await (const piece of copyOut(client, statement)) pieces.push(piece);
  return pieces;
}

/** 4 MB that come in bursts. */
function slowRows(last: string): string {
  const rows = `SELECT repeat('r', 20000), ${last}, pg_sleep(0.002 * (row % 3)) FROM generate_series(1, 200) AS row`;
  return `COPY (${rows}) TO STDOUT`;
}

describe('rows that come out', () => {
  it('come of several statements, each apart, in memory of their own', async () => {
    const counts = [3, 0, 20_000, 1, 0, 70_000, 2, 0];
    const statements = counts.map(
      (count) => `COPY (SELECT generate_series(1, ${count})) TO STDOUT -- ${count}`,
    );
    const outputs = counts.map(() => '');
    await withClient(database.pool, async (client) => {
      for await (const { statement, rows } of copyOutEach(client, statements)) {
        outputs[statement] += rows.toString();
        rows.fill(0);
      }
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
    const expected = counts.map((count) =>
      Array.from({ length: count }, (_, index) => `${index + 1}\n`).join(''),
    );
    expect(outputs).toEqual(expected);
  });

  it('come whole where the socket is read empty again and again, and so does an error behind them', async () => {
    await withClient(database.pool, async (client) => {
      const emptied = jest.spyOn(
        (client as ClientBase & { connection: Connection }).connection.stream,
        'pause',
      );
      const text = Buffer.concat(await collect(client, slowRows('row'))).toString();
      expect(emptied.mock.calls.length).toBeGreaterThan(20);
      const expected = Array.from({ length: 200 }, (_, index) => `${'r'.repeat(20_000)}\t${index + 1}\t\n`);
      expect(text).toBe(expected.join(''));
      await expect(collect(client, slowRows('1 / (row - 150)'))).rejects.toMatchObject({ code: '22012' });
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('come of more statements than are sent as one message, in their order', async () => {
    const places = Array.from({ length: 25 }, (_, index) => index);
    const comment = '-'.repeat(30_000);
    const statements = places.map(
      (place) => `COPY (SELECT ${place} WHERE ${place} % 3 > 0) TO STDOUT --${comment}`,
    );
    const outputs = await withClient(database.pool, async (client) => {
      const found: [number, string][] = [];
      for await (const { statement, rows } of copyOutEach(client, statements.values()))
        found.push([statement, rows.toString()]);
      return found;
    });
    expect(outputs).toEqual(places.filter((place) => place % 3 > 0).map((place) => [place, `${place}\n`]));
  });

  it("of several statements end with PostgreSQL's error for one of them", async () => {
    const statements = [
      'COPY lines TO STDOUT',
      'COPY (SELECT 1 / (id - 20) FROM lines) TO STDOUT',
      'COPY lines TO STDOUT',
    ];
    const read = async (client: ClientBase): Promise<void> => {
      for await (const { statement } of copyOutEach(client, statements)) expect(statement).not.toBe(2);
    };
    await withClient(database.pool, async (client) => {
      await expect(read(client)).rejects.toMatchObject({ code: '22012' });
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });
});
