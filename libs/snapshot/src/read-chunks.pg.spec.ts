import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RowError, type Chunk } from '@rivulet/protocol';
import { copyOut, inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { createEnglishDatabase, createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { ClientBase, Pool } from 'pg';
import { bindQuery, describeQuery } from './describe-query';
import { parseQueryTemplate } from './query-template';
import { canonicalCopy, readChunks, readRanges, type RowSource } from './read-chunks';

jest.setTimeout(30_000);

const limits = { readOnly: true, statementTimeoutMs: 60_000, lockTimeoutMs: 0, idleTimeoutMs: 0 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

async function sourceOf(client: ClientBase, query: string, key: string[]): Promise<RowSource> {
  const template = parseQueryTemplate(query);
  const described = await describeQuery(client, template, new Map());
  const keyColumns = key.map((name) => described.find((column) => column.name === name)!);
  return {
    boundQuery: bindQuery(template, new Map()),
    columns: [...keyColumns, ...described.filter((column) => !keyColumns.includes(column))],
    keyColumns: key.length,
  };
}

function inSource<T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      return work(client);
    }),
  );
}

function read(query: string, key: string[], pool = database.pool): Promise<Chunk[]> {
  return inSource(pool, async (client) => {
    const chunks: Chunk[] = [];
    for await (const chunk of readChunks(client, await sourceOf(client, query, key))) chunks.push(chunk);
    return chunks;
  });
}

async function readText(query: string, key: string[], pool = database.pool): Promise<string> {
  const chunks = await read(query, key, pool);
  return Buffer.concat(chunks.map((chunk) => chunk.content)).toString();
}

function digestsOf(chunks: Chunk[]): string[] {
  return chunks.map((chunk) => chunk.digest.toString('hex'));
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('the order of rows', () => {
  const words = [
    'b',
    'B',
    'a',
    'A',
    'ä',
    'a b',
    'ab',
    'a-b',
    'Z',
    '_',
    '',
    '😀',
    '￿',
    'é',
    'e\u0301',
    '10',
    '9',
  ];
  let english: TestDatabase;
  let icu: Pool;

  beforeAll(async () => {
    english = await createEnglishDatabase();
    icu = english.pool;
    await icu.query('CREATE TABLE words AS SELECT unnest($1::text[]) COLLATE "en-US-x-icu" AS word', [words]);
    await icu.query(`CREATE TYPE grade AS ENUM ('low', 'high', 'Middle')`);
  });

  afterAll(() => english.drop());

  const byBytes = words.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

  it('is that of the bytes for text, whatever the collation of the database', async () => {
    const { rows } = await icu.query<{ word: string }>('SELECT word FROM words ORDER BY word');
    expect(rows.map((row) => row.word)).not.toEqual(byBytes);
    for (const type of ['text', 'varchar(20)', 'text COLLATE "de-x-icu"']) {
      const text = await readText(`SELECT word::${type} AS id FROM words`, ['id'], icu);
      expect(text.split('\n').slice(0, -1)).toEqual(byBytes);
    }
  });

  it('is that of the bytes within arrays of text, too', async () => {
    const text = await readText('SELECT ARRAY[word] AS id FROM words', ['id'], icu);
    const { rows } = await icu.query<{ id: string }>(
      'SELECT ARRAY[word]::text AS id FROM unnest($1::text[]) WITH ORDINALITY AS list (word, place) ORDER BY place',
      [byBytes],
    );
    expect(text.split('\n').slice(0, -1)).toEqual(rows.map((row) => row.id));
  });

  it('is that of the text for an enum, which becomes text', async () => {
    const text = await readText('SELECT unnest(enum_range(NULL::grade)) AS id', ['id'], icu);
    expect(text).toBe('Middle\nhigh\nlow\n');
  });

  it('is that of each column in turn for a key of several', async () => {
    const query = `
      SELECT b AS "the b", c, n AS "Select", d FROM
        unnest(ARRAY[-1, 10, 9]) AS n, unnest(ARRAY['b', 'A']) AS c, unnest(ARRAY[1.5, 10]) AS b,
        unnest(ARRAY[date '2026-01-01', 'infinity', '0001-01-01 BC']) AS d`;
    const rows = (await readText(query, ['Select', 'c', 'the b', 'd'], icu)).split('\n').slice(0, -1);
    const expected = ['-1', '9', '10'].flatMap((n) =>
      ['A', 'b'].flatMap((c) =>
        ['1.5', '10'].flatMap((b) =>
          ['0001-01-01 BC', '2026-01-01', 'infinity'].map((d) => [n, c, b, d].join('\t')),
        ),
      ),
    );
    expect(rows).toEqual(expected);
  });

  it('does not depend on the order in which they are stored', async () => {
    await database.pool.query(`
      CREATE TABLE sorted AS SELECT n AS id, md5(n::text) AS value FROM generate_series(1, 20000) AS n ORDER BY n;
      CREATE TABLE shuffled AS TABLE sorted ORDER BY value;
      UPDATE shuffled SET value = value WHERE id % 3 = 0;
      CREATE INDEX ON shuffled (value);`);
    const sorted = await read('TABLE sorted', ['id']);
    expect(sorted.length).toBeGreaterThan(3);
    expect(digestsOf(await read('TABLE shuffled', ['id']))).toEqual(digestsOf(sorted));
    expect(digestsOf(await read('SELECT * FROM shuffled ORDER BY value DESC', ['id']))).toEqual(
      digestsOf(sorted),
    );
  });
});

describe('the digest of a chunk', () => {
  it('is the SHA-256 of what COPY prints for its rows', async () => {
    const query = `SELECT n AS id, md5(n::text) AS a, repeat('x', n % 700) AS b FROM generate_series(1, 9000) AS n`;
    const chunks = await read(query, ['id']);
    const printed = await inSource(database.pool, async (client) => {
      const pieces: Buffer[] = [];
      for await (const piece of copyOut(client, `COPY (${query} ORDER BY id) TO STDOUT`)) pieces.push(piece);
      return Buffer.concat(pieces);
    });
    expect(chunks.length).toBeGreaterThan(20);
    let start = 0;
    for (const { digest, bytes, rows } of chunks) {
      const content = printed.subarray(start, start + bytes);
      expect(digest).toEqual(createHash('sha256').update(content).digest());
      expect(content.toString().split('\n')).toHaveLength(rows + 1);
      start += bytes;
    }
    expect(start).toBe(printed.length);
  });
});

describe('rows that are no dataset', () => {
  it.each([
    [
      'a NULL in its key',
      'SELECT n AS a, nullif(n, 2) AS b FROM generate_series(1, 3) AS n',
      'key-null',
      '2\t\\N',
    ],
    ['the key of another', `SELECT 1 AS a, unnest(ARRAY['x', 'y', 'x']) AS b`, 'key-not-unique', '1\tx'],
  ])('are refused for a row with %s', async (_, query, problem, key) => {
    const error = await failureOf(read(query, ['a', 'b']));
    expect(error).toBeInstanceOf(RowError);
    expect(error).toMatchObject({ problem, key });
  });

  it('are none when there are no rows', async () => {
    expect(await read('SELECT 1 AS id WHERE false', ['id'])).toEqual([]);
  });

  it('are refused by PostgreSQL in its own words when the query fails midway', async () => {
    const query = 'SELECT n AS id, 1 / (5000 - n) AS value FROM generate_series(1, 9000) AS n';
    await expect(read(query, ['id'])).rejects.toThrow('division by zero');
  });
});

async function expectNoQuery(pattern: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { rowCount } = await database.pool.query(
      'SELECT 1 FROM pg_stat_activity WHERE query LIKE $1 AND pid <> pg_backend_pid()',
      [pattern],
    );
    if (rowCount === 0) return;
    await delay(50);
  }
  throw new Error('The query still runs.');
}

describe('the rows in ranges of keys', () => {
  it('are cut for each range by itself, in more ranges than one message takes, and none in some', async () => {
    const query = 'SELECT n AS id FROM generate_series(1, 4500) n WHERE n / 10 % 7 <> 3';
    const ranges = Array.from({ length: 450 }, (_, index) => {
      return { after: [`${index * 10}`], upTo: [`${index * 10 + 5}`] };
    });
    const texts = ranges.map(() => '');
    await inSource(database.pool, async (client) => {
      const source = await sourceOf(client, query, ['id']);
      for await (const { range, chunk } of readRanges(client, source, ranges))
        texts[range] += chunk.content.toString();
    });
    const expected = ranges.map((_, index) =>
      index % 7 === 3 ? '' : [1, 2, 3, 4, 5].map((n) => `${index * 10 + n}\n`).join(''),
    );
    expect(texts).toEqual(expected);
  });
});

describe('a reader that stops early', () => {
  it('leaves no query running', async () => {
    const error = await failureOf(
      inSource(database.pool, async (client) => {
        const query = `SELECT generate_series(1, 100000000) AS id, repeat('x', 1000) AS filler`;
        const source = await sourceOf(client, query, ['id']);
        expect(canonicalCopy(source)).toContain('ORDER BY "id"');
        // Without the sort, so that it neither ends nor fills the disk within this test.
        const unsorted = copyOut(client, `COPY (${query}) TO STDOUT`);
        for await (const piece of unsorted) if (piece.length > 0) break;
        await client.query('SELECT 1');
      }),
    );
    expect(error).toBeInstanceOf(Error);
    await expectNoQuery('%100000000%');
  });

  it('and is at a chunk of a dataset leaves none, either', async () => {
    const query = `SELECT n AS id, repeat('x', 1000) AS other_filler FROM generate_series(1, 100000) AS n`;
    const taken = await failureOf(
      inSource(database.pool, async (client) => {
        for await (const chunk of readChunks(client, await sourceOf(client, query, ['id'])))
          throw new Error(`${chunk.rows}`);
      }),
    );
    expect((taken as Error).message).toMatch(/^\d+$/);
    await expectNoQuery('%other_filler%');
  });
});
