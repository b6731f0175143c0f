import { crc32 } from 'node:zlib';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import {
  byChunks,
  byPatches,
  contentOf,
  load,
  numbered,
  numberedContent,
  summaries,
  transaction,
  type Content,
  type Merge,
  type Merged,
} from '../../test/mirror-fixture';
import { proveMirror } from '../prove/prove-mirror';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

beforeEach(() => database.pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));

afterAll(() => database.drop());

const ways: [string, Merge][] = [
  ['chunks', byChunks],
  ['patches', byPatches],
];

interface Run extends Merged {
  /** Rows that are there in another version than before. */
  touched: number;
}

/** Loads the base, merges the target into it, and proves that. */
async function run(merge: Merge, base: Content, target: Content): Promise<Run> {
  await load(database.pool, base);
  const before = new Set(await versions());
  const merged = await transaction(database.pool, (client) => merge(client, base, target));
  expect(merged.chunks).toEqual(summaries(target));
  proveMirror(target.table, merged.chunks);
  return { ...merged, touched: (await versions()).filter((version) => !before.has(version)).length };
}

async function versions(): Promise<string[]> {
  const { rows: found } = await database.pool.query<{ version: string }>(
    `SELECT concat_ws(' ', ctid, xmin) AS version FROM users`,
  );
  return found.map(({ version }) => version);
}

async function rows(query: string): Promise<unknown[]> {
  return (await database.pool.query<Record<string, unknown>>(query)).rows;
}

function lines(columns: string, keyColumns: number, ...content: string[]): Content {
  const definitions = columns.split(', ').map((column) => {
    const [name, ...type] = column.split(' ');
    return { name: name!, type: type.join(' ') };
  });
  return contentOf(definitions, keyColumns, Buffer.from(content.map((line) => `${line}\n`).join('')));
}

const some = numberedContent(numbered(1_000));
const none = numberedContent(new Map());

/** The numbered rows with some changes. */
function changed(change: (names: Map<number, string>) => void): Content {
  const names = numbered(1_000);
  change(names);
  return numberedContent(names);
}

describe.each(ways)('a merge by %s', (_, merge) => {
  it.each<[string, { written: number; deleted: number }, Content]>([
    ['a change', { written: 1, deleted: 0 }, changed((names) => names.set(5_000, 'new'))],
    ['an insert', { written: 1, deleted: 0 }, changed((names) => names.set(5_005, 'new'))],
    ['a delete', { written: 0, deleted: 1 }, changed((names) => names.delete(5_000))],
    ['an insert before the first row', { written: 1, deleted: 0 }, changed((names) => names.set(-1, 'new'))],
    [
      'an insert behind the last row',
      { written: 1, deleted: 0 },
      changed((names) => names.set(99_999, 'new')),
    ],
    ['a change of the first row', { written: 1, deleted: 0 }, changed((names) => names.set(0, 'new'))],
    ['a change of the last row', { written: 1, deleted: 0 }, changed((names) => names.set(9_990, 'new'))],
    [
      'many deletes in a row',
      { written: 0, deleted: 300 },
      changed((names) => names.forEach((__, id) => id >= 2_000 && id < 5_000 && names.delete(id))),
    ],
    [
      'changes in several places',
      { written: 2, deleted: 1 },
      changed((names) => names.set(10, 'new').set(9_000, 'new').delete(5_000)),
    ],
    ['no change', { written: 0, deleted: 0 }, some],
    ['the end of all rows', { written: 0, deleted: 1_000 }, none],
  ])('makes %s, and writes nothing else', async (__, expected, target) => {
    const touched = expected.written;
    expect(await run(merge, some, target)).toMatchObject({ ...expected, touched });
  });

  it('fills an empty mirror', async () => {
    expect(await run(merge, none, some)).toMatchObject({ written: 1_000, deleted: 0 });
    expect(await run(merge, none, none)).toMatchObject({ written: 0, deleted: 0 });
  });

  it('changes chunks that end because they are full', async () => {
    const ids = Array.from({ length: 400 }, (__, id) => id).filter((id) => crc32(String(id)) > 2 ** 31);
    const wide = (changedId?: number): Content =>
      lines(
        'id integer, text text',
        1,
        ...ids.map((id) => `${id}\t${'x'.repeat(id === changedId ? 1 : 20_000)}`),
      );
    const base = wide();
    expect(base.chunks.filter((chunk) => chunk.bytes > 220_000).length).toBeGreaterThan(10);
    expect(await run(merge, base, wide(ids[50]))).toMatchObject({ written: 1, deleted: 0 });
  });

  it('changes a mirror more than once in a transaction', async () => {
    const target = changed((names) => names.set(5_005, 'new').delete(20));
    await load(database.pool, some);
    await transaction(database.pool, async (client) => {
      proveMirror(target.table, (await merge(client, some, target)).chunks);
      proveMirror(some.table, (await merge(client, target, some)).chunks);
    });
    expect(await rows('SELECT count(*)::int AS rows FROM users')).toEqual([{ rows: 1_000 }]);
  });

  it('leaves no table and no setting behind', async () => {
    await load(database.pool, some);
    const target = changed((names) => names.set(5_005, 'new'));
    const settings = `SELECT name, setting FROM pg_settings WHERE name ~ '^enable_|^jit$|parallel'`;
    await transaction(database.pool, async (client) => {
      const before = (await client.query<object>(settings)).rows;
      await merge(client, some, target);
      expect((await client.query<object>(settings)).rows).toEqual(before);
      // For the next mirror, and without rows.
      const { rows: staged } = await client.query('SELECT FROM pg_temp.rivulet_rows');
      expect(staged).toEqual([]);
    });
    expect(await rows(`SELECT FROM pg_class WHERE relname LIKE 'rivulet%'`)).toEqual([]);
  });
});

describe.each(ways)('a value that is equal and has another text, merged by %s,', (_, merge) => {
  it.each([
    ['numeric', '1.0', '1.00'],
    ['double precision', '0', '-0'],
    ['interval', '1 mon', '30 days'],
    ['character varying', 'a', 'a '],
    ['json', '{"a": 1}', '{"a":1}'],
    ['xml', '<a/>', '<a></a>'],
    ['numeric[]', '{1.0}', '{1.00}'],
    ['text', '\\N', ''],
  ])('is changed: %s from %j to %j', async (type, old, next) => {
    const columns = `id bigint, value ${type}`;
    const merged = await run(
      merge,
      lines(columns, 1, `1\t${old}`, `2\t${old}`),
      lines(columns, 1, `1\t${next}`, `2\t${old}`),
    );
    expect(merged).toMatchObject({ written: 1, deleted: 0 });
  });

  it.each([
    ['numeric', '1.0', '1.00'],
    ['double precision', '0', '-0'],
    ['interval', '1 mon', '30 days'],
  ])('is changed in a key: %s from %j to %j', async (type, old, next) => {
    const columns = `key ${type}, value text`;
    await run(merge, lines(columns, 1, `${old}\tx`), lines(columns, 1, `${next}\tx`));
    expect(await rows('SELECT key::text FROM users')).toEqual([{ key: next }]);
  });
});

describe.each(ways)('a table merged by %s', (_, merge) => {
  it('may have only its key', async () => {
    const columns = 'a numeric, b text';
    const base = lines(columns, 2, '1.0\tx', '1.0\ty', '2\tx');
    const target = lines(columns, 2, '1.00\tx', '1.0\tz', '2\tx');
    await run(merge, base, target);
    expect(await rows('SELECT concat_ws($$ $$, a, b) AS row FROM users ORDER BY a, b')).toEqual(
      ['1.00 x', '1.0 z', '2 x'].map((row) => ({ row })),
    );
  });

  it.each([500, 1_600])('may have %d columns', async (count) => {
    const columns = Array.from({ length: count }, (__, index) => `c${index} text`).join(', ');
    const row = (value: string): string =>
      ['key', value, ...Array.from({ length: count - 2 }, () => '\\N')].join('\t');
    expect(await run(merge, lines(columns, 1, row('old')), lines(columns, 1, row('new')))).toMatchObject({
      written: 1,
    });
  });

  it('may have got another collation and other indexes on the device', async () => {
    const columns = 'key text, value text';
    const base = lines(columns, 1, 'B\tx', 'a\tx', 'b\tx', 'Ä\tx');
    const target = lines(columns, 1, 'B\ty', 'C\tx', 'a\tx', 'Ä\tx');
    await load(database.pool, base);
    await database.pool.query(
      'ALTER TABLE users ALTER key TYPE text COLLATE "en-x-icu"; CREATE INDEX ON users (value)',
    );
    const merged = await transaction(database.pool, (client) => merge(client, base, target));
    expect(merged).toMatchObject({ written: 2, deleted: 1, chunks: summaries(target) });
  });
});
