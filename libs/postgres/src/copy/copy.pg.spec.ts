import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { ClientBase } from 'pg';
import { copyIn } from './copy-in';
import { copyOut } from './copy-out';
import { binaryRows, int4, selectBinary } from './copy-binary';
import { withClient } from '../pool';
import { inTransaction } from '../transaction';

jest.setTimeout(30_000);

const limits = { statementTimeoutMs: 20_000, lockTimeoutMs: 10_000, idleTimeoutMs: 10_000 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query('CREATE TABLE lines (id int, content text); CREATE TABLE copies (LIKE lines)');
  await database.pool.query(
    `INSERT INTO lines SELECT n, repeat(md5(n::text), n % 40) FROM generate_series(1, 20000) AS n`,
  );
});

beforeEach(() => database.pool.query('TRUNCATE copies'));

afterAll(() => database.drop());

function transaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(database.pool, (client) => inTransaction(client, limits, () => work(client)));
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function collect(client: ClientBase, statement: string): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for await (const piece of copyOut(client, statement)) pieces.push(piece);
  return pieces;
}

async function countOf(table: string): Promise<number> {
  const { rows } = await database.pool.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`);
  return rows[0]!.rows;
}

/** The wait event of a backend, once it is the expected one, or after ten seconds. */
async function waitEventOf(pid: number, expected: string): Promise<string | null> {
  for (let attempt = 1; ; attempt++) {
    const { rows } = await database.pool.query<{ event: string | null }>(
      'SELECT wait_event AS event FROM pg_stat_activity WHERE pid = $1',
      [pid],
    );
    if (rows[0]!.event === expected || attempt === 100) return rows[0]!.event;
    await delay(100);
  }
}

async function terminate(client: ClientBase & { processID?: number }): Promise<void> {
  await database.pool.query('SELECT pg_terminate_backend($1, 5000)', [client.processID]);
}

function* endless(onEnd: () => void = () => undefined): Generator<Buffer, void> {
  try {
    for (let id = 1; ; id++) yield Buffer.from(`${id}\t${'x'.repeat(65_536)}\n`);
  } finally {
    onEnd();
  }
}

describe('rows', () => {
  it('come out of one table and go into another as they are', async () => {
    const taken = await transaction((reader) =>
      transaction((writer) =>
        copyIn(writer, 'COPY copies FROM STDIN', copyOut(reader, 'COPY lines TO STDOUT')),
      ),
    );
    expect(taken).toBe(20_000);
    const { rows } = await database.pool.query('TABLE lines EXCEPT ALL TABLE copies');
    expect(rows).toEqual([]);
    expect(await countOf('copies')).toBe(20_000);
  });

  it('may be none', async () => {
    expect(await transaction((client) => copyIn(client, 'COPY copies FROM STDIN', []))).toBe(0);
    const pieces = await transaction((client) => collect(client, 'COPY copies TO STDOUT'));
    expect(pieces).toEqual([]);
  });

  it('come whole, with notices between them, larger than a buffer, empty or without columns', async () => {
    await database.pool.query(`
      CREATE FUNCTION noisy(n int) RETURNS text LANGUAGE plpgsql
      AS $$ BEGIN RAISE NOTICE '%', repeat('d', n % 50); RETURN repeat('c', n); END $$`);
    const lengths = [0, 1, 300_000, 2, ...Array.from({ length: 3_000 }, (_, n) => n % 70)];
    const statement = `COPY (SELECT noisy(n) FROM unnest(ARRAY[${lengths.join(', ')}]) AS n) TO STDOUT`;
    const noticed: unknown[] = [];
    const text = await transaction(async (client) => {
      client.on('notice', ({ message }) => noticed.push(message));
      return Buffer.concat(await collect(client, statement)).toString();
    });
    expect(text).toBe(lengths.map((length) => `${'c'.repeat(length)}\n`).join(''));
    expect(noticed).toEqual(lengths.map((length) => 'd'.repeat(length % 50)));
    const bare = await transaction((client) => collect(client, 'COPY (SELECT FROM lines LIMIT 3) TO STDOUT'));
    expect(Buffer.concat(bare).toString()).toBe('\n\n\n');
  });

  it('are held back by a reader that is slow', async () => {
    const waitsOn = await transaction(async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const pieces = copyOut(client, 'COPY (SELECT generate_series(1, 3000000)) TO STDOUT');
      await pieces.next();
      const state = await waitEventOf(rows[0]!.pid, 'ClientWrite');
      let bytes = 0;
      for await (const piece of pieces) bytes += piece.length;
      return { state, isAll: bytes > 20_000_000 };
    });
    expect(waitsOn).toEqual({ state: 'ClientWrite', isAll: true });
  });

  it('are taken from their source no faster than PostgreSQL accepts them', async () => {
    let taken = 0;
    const counted = function* (): Generator<Buffer, void> {
      for (const piece of endless()) {
        taken += 1;
        yield piece;
      }
    };
    await transaction(async (holder) => {
      await holder.query('LOCK TABLE copies');
      const waiting = failureOf(
        withClient(database.pool, async (client) => {
          const copying = copyIn(client, 'COPY copies FROM STDIN', counted());
          await delay(300).then(() => terminate(client));
          await copying;
        }),
      );
      expect(await waiting).toBeInstanceOf(Error);
    });
    expect(taken).toBeLessThan(20);
  });
});

describe('a copy into a table from content that is at hand', () => {
  it('lets the rest of the process run while PostgreSQL takes all that it is given', async () => {
    let turns = 0;
    let turning = setImmediate(function turn() {
      turns += 1;
      turning = setImmediate(turn);
    });
    const MEBIBYTES = 64;
    const content = function* (): Generator<Buffer, void> {
      const row = Buffer.from(`1\t${'a'.repeat(1021)}\n`);
      for (let sent = 0; sent < MEBIBYTES * 1024; sent++) yield row;
    };
    try {
      const rows = await transaction((client) => copyIn(client, 'COPY copies FROM STDIN', content()));
      expect(rows).toBe(MEBIBYTES * 1024);
    } finally {
      clearImmediate(turning);
    }
    expect(turns).toBeGreaterThanOrEqual(MEBIBYTES - 1);
  });
});

describe('a copy into a table that ends early', () => {
  it("because its source fails throws the source's error, and can be rolled back", async () => {
    const own = new Error('the disk is gone');
    const source = function* (): Generator<Buffer, void> {
      yield Buffer.from('1\ta\n');
      throw own;
    };
    await withClient(database.pool, async (client) => {
      const failed = inTransaction(client, limits, () => copyIn(client, 'COPY copies FROM STDIN', source()));
      expect(await failureOf(failed)).toBe(own);
      await client.query(`INSERT INTO copies VALUES (2, 'the connection is fit for use')`);
    });
    expect(await countOf('copies')).toBe(1);
  });

  it('because PostgreSQL refuses a row throws its reason, and lets go of the source', async () => {
    let ended = false;
    const source = function* (): Generator<Buffer, void> {
      yield Buffer.from('one\ta\n');
      yield* endless(() => (ended = true));
    };
    await withClient(database.pool, async (client) => {
      const failed = inTransaction(client, limits, () => copyIn(client, 'COPY copies FROM STDIN', source()));
      expect(await failureOf(failed)).toMatchObject({ code: '22P02' });
      await client.query(`INSERT INTO copies VALUES (2, 'the connection is fit for use')`);
    });
    expect(ended).toBe(true);
  });

  it("because the statement is wrong throws PostgreSQL's reason", async () => {
    const failed = transaction((client) => copyIn(client, 'COPY nowhere FROM STDIN', endless()));
    expect(await failureOf(failed)).toMatchObject({ code: '42P01' });
  });

  it('because the connection breaks fails', async () => {
    const failed = withClient(database.pool, async (client) => {
      const copying = copyIn(client, 'COPY copies FROM STDIN', endless());
      const ended = failureOf(copying);
      await delay(50);
      await terminate(client);
      await ended;
      return copying;
    });
    expect(await failureOf(failed)).toBeInstanceOf(Error);
    expect(await countOf('copies')).toBe(0);
  });
});

describe('a copy out of a table that ends early', () => {
  it('because its reader stops closes the connection', async () => {
    const failed = transaction(async (client) => {
      for await (const piece of copyOut(client, 'COPY (SELECT generate_series(1, 100000000)) TO STDOUT')) {
        if (piece.length > 0) break;
      }
      await client.query('SELECT 1');
    });
    expect(await failureOf(failed)).toBeInstanceOf(Error);
    expect(await countOf('lines')).toBe(20_000);
  });

  it.each([
    ['at its beginning', 'COPY nowhere TO STDOUT', '42P01'],
    ['in the middle', 'COPY (SELECT 1 / (9000 - id) FROM lines) TO STDOUT', '22012'],
  ])('because PostgreSQL fails %s throws its reason', async (_, statement, code) => {
    const failed = transaction((client) => collect(client, statement));
    expect(await failureOf(failed)).toMatchObject({ code });
  });

  it('because the connection breaks fails', async () => {
    const failed = transaction(async (client) => {
      for await (const piece of copyOut(client, 'COPY (SELECT generate_series(1, 100000000)) TO STDOUT')) {
        if (piece.length > 0) await terminate(client);
      }
    });
    expect(await failureOf(failed)).toBeInstanceOf(Error);
  });
});

describe('rows in binary', () => {
  it('come with NULL, empty and large values told apart', async () => {
    const large = randomBytes(5 * 1024 * 1024);
    await database.pool.query('CREATE TABLE blocks (id int, block bytea, note text)');
    await database.pool.query(
      `INSERT INTO blocks VALUES (1, $1, 'ä'), (2, '', ''), (3, NULL, NULL), (-4, '\\xff', 'x')`,
      [large],
    );
    const rows = await withClient(database.pool, (client) =>
      selectBinary(client, 'SELECT * FROM blocks ORDER BY abs(id)'),
    );
    expect(rows.map(([id]) => id!.readInt32BE())).toEqual([1, 2, 3, -4]);
    expect(rows[0]![1]!.equals(large)).toBe(true);
    expect(rows.map(([, block]) => block?.length)).toEqual([large.length, 0, undefined, 1]);
    expect(rows.map(([, , note]) => note?.toString())).toEqual(['ä', '', undefined, 'x']);
  });

  it('go there as they come back', async () => {
    await database.pool.query('CREATE TABLE sent (id int, block bytea)');
    const sent = [0, 1, 100_000].map((bytes, id) => [int4(id - 1), randomBytes(bytes)]);
    const found = await withClient(database.pool, async (client) => {
      expect(await copyIn(client, 'COPY sent FROM STDIN (FORMAT binary)', binaryRows(sent))).toBe(3);
      return selectBinary(client, 'SELECT * FROM sent ORDER BY id');
    });
    expect(found).toEqual(sent);
  });

  it('are none when there are none', async () => {
    const rows = await withClient(database.pool, (client) => selectBinary(client, 'SELECT 1 WHERE false'));
    expect(rows).toEqual([]);
  });
});
