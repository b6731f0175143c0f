import { createEnglishDatabase, createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { Column } from '@rivulet/protocol';
import { describeQuery, parseQueryTemplate } from '@rivulet/snapshot';
import { escapeIdentifier, escapeLiteral, type Pool } from 'pg';
import {
  contentOf,
  load,
  mergeByChunks,
  mergeByPatches,
  transaction,
  type Asked,
  type Content,
  type Merge,
} from './dataset-content';
import { servers } from './servers';
import { createTortureTypes, tortureValues } from './torture-values';
import { versionDifferences, type Outcome } from './version-differences';

const types = Object.keys(tortureValues);
const depth = Math.max(...Object.values(tortureValues).map((values) => values.length));
const MANY = 5_000;

const ways: [string, Merge][] = [
  ['chunks', mergeByChunks],
  ['patches', mergeByPatches],
];

let source: TestDatabase;
/** The same rows on the version that all are compared with. */
let reference: TestDatabase;
let edge: TestDatabase;

beforeAll(async () => {
  source = await createTestDatabase('template0', servers.central.url);
  reference = await createTestDatabase('template0', servers.reference.url);
  edge = await createEnglishDatabase(servers.edge.url, servers.edge.version);
  for (const { pool } of [source, reference]) await fill(pool);
  await disturb(edge);
});

afterAll(async () => {
  for (const database of [source, reference, edge]) await database.drop();
});

/** An edge need have nothing in common with central. */
async function disturb(database: TestDatabase): Promise<void> {
  const name = new URL(database.url).pathname.slice(1);
  const settings = `DateStyle = 'German, DMY'; TimeZone = 'Asia/Kolkata'; IntervalStyle = sql_standard;
    extra_float_digits = -15; bytea_output = escape; xmloption = document; array_nulls = off`;
  for (const setting of settings.split(';')) {
    await database.pool.query(`ALTER DATABASE ${name} SET ${setting}`);
  }
}

/** A column for each type. In round 1 the rows have the values in their order, in round 2 in another. */
async function fill(pool: Pool): Promise<void> {
  await pool.query(createTortureTypes);
  const columns = types.map((type, index) => `c${index} ${type}`);
  await pool.query(
    `CREATE TABLE torture (round int, id int, ${columns.join(', ')}, PRIMARY KEY (round, id))`,
  );
  const places = types.map((_, index) => `$${index + 3}`).join(', ');
  for (const round of [1, 2]) {
    for (let id = round; id < depth + round * 2; id += 1) {
      const row = types.map((type) => tortureValues[type]![(id * round) % (depth + 1)] ?? null);
      await pool.query(`INSERT INTO torture VALUES ($1, $2, ${places})`, [round, id, ...row]);
    }
  }
  await pool.query(`
    CREATE TABLE many AS
    SELECT n AS id, (ARRAY['a', 'B', 'b', 'A', 'ä'])[n % 5 + 1] AS "Key", n / 7.0 AS ratio, n::float8 / 3 AS quotient,
           repeat('ä\\', n % 300) AS filler, timestamptz '2026-01-01' + n * interval '1.000001 s' AS at,
           (ARRAY['calm', 'Cross', NULL]::mood[])[n % 3 + 1] AS mood, jsonb_build_object('n', n) AS doc,
           int4range(n, n + 9) AS span, decode(md5(n::text), 'hex') AS hash
    FROM generate_series(1, ${MANY}) AS n ORDER BY md5(n::text);
    CREATE TABLE changed AS SELECT * FROM many WHERE id NOT BETWEEN 700 AND 720;
    UPDATE changed SET filler = 'x', at = at + interval '1 us' WHERE id IN (1, 2000, ${MANY});
    INSERT INTO changed SELECT -n, "Key", 1.10, '-0', '', NULL, mood, '[]', 'empty', '' FROM many JOIN
      (VALUES (1), (2), (3)) AS new (n) ON n = id`);
}

/** Each type and its array. */
const tortureColumns = types.flatMap((type, index) =>
  /\[\]$|vector$/.test(type) && type !== 'tsvector'
    ? [`c${index}`]
    : [`c${index}`, `ARRAY[c${index}, NULL, c${index}] AS a${index}`],
);
const torture = (round: number): Asked => ({
  name: 'torture',
  query: `SELECT id, ${tortureColumns.join(', ')} FROM torture WHERE round = ${round}`,
  key: ['id'],
});
const many: Asked = { name: 'many', query: 'TABLE many', key: ['Key', 'id'] };
const changed: Asked = { ...many, query: 'TABLE changed' };

/** What central makes of it, which is what the version of reference makes of it. */
async function ask(asked: Asked): Promise<Content> {
  const content = await contentOf(source.pool, asked);
  expect((await contentOf(reference.pool, asked)).table).toEqual(content.table);
  return content;
}

/** The mirror is as good a source as the source is, and plain SQL sees the same rows. */
async function expectArrived(asked: Asked, content: Content): Promise<void> {
  const mirror = `SELECT * FROM public.${escapeIdentifier(asked.name)}`;
  expect((await contentOf(edge.pool, { ...asked, query: mirror })).table).toEqual(content.table);
  const arrived = await rowTexts(edge.pool, content.table.columns, mirror);
  const sent = new Set(await rowTexts(source.pool, content.table.columns, asked.query));
  expect(arrived.length).toBe(sent.size);
  expect(arrived.filter((row) => !sent.has(row))).toEqual([]);
}

function rowTexts(pool: Pool, columns: Column[], query: string): Promise<string[]> {
  return transaction(pool, async (client) => {
    const list = columns.map(({ name, type }) => `${escapeIdentifier(name)}::${type}`).join(', ');
    const { rows } = await client.query<{ row: string }>(
      `SELECT ROW(${list})::text AS row FROM (${query}) AS query`,
    );
    return rows.map(({ row }) => row);
  });
}

describe('every type and every awkward value', () => {
  it('is there', async () => {
    const { table } = await ask(torture(1));
    expect(table.rows).toBe(depth + 1);
    for (const [index, type] of types.entries()) {
      const { rows } = await source.pool.query<{ values: number }>(
        `SELECT count(c${index})::int AS values FROM torture WHERE round = 1`,
      );
      expect([type, rows[0]!.values]).toEqual([type, tortureValues[type]!.length]);
    }
  });

  it('arrives in an empty mirror', async () => {
    const content = await ask(torture(1));
    await transaction(edge.pool, (client) => load(client, content));
    await expectArrived(torture(1), content);
  });

  it.each(ways)('arrives merged by %s', async (_, merge) => {
    const [base, target] = [await ask(torture(1)), await ask(torture(2))];
    await transaction(edge.pool, async (client) => {
      await load(client, base);
      await merge(client, base, target);
    });
    await expectArrived(torture(2), target);
  });

  it('is in the same order when it is the key', async () => {
    const columns = await transaction(source.pool, (client) =>
      describeQuery(client, parseQueryTemplate(torture(1).query), new Map()),
    );
    const inKeys = columns.filter((column) => column.sortedAlike && column.name.startsWith('c'));
    expect(inKeys.length).toBeGreaterThan(50);
    for (const { name } of inKeys) {
      const key = keyOf(name);
      const query = `SELECT DISTINCT ON (${key}) ${key} AS key, id FROM torture
        WHERE round = 1 AND ${name} IS NOT NULL ORDER BY ${key}, id`;
      const asked = { name: `key_${name}`, query, key: ['key'] };
      const content = await ask(asked);
      await transaction(edge.pool, (client) => load(client, content));
      await expectArrived(asked, content);
    }
  });
});

/** Distinct as the mirror's key takes them: enums are text there. */
function keyOf(column: string): string {
  const type = types[Number(column.slice(1))]!;
  return type.startsWith('mood') ? `${column}::text${type.slice('mood'.length)}` : column;
}

describe('many rows', () => {
  it('arrive in an empty mirror', async () => {
    const content = await ask(many);
    expect(content.chunks.length).toBeGreaterThan(10);
    await transaction(edge.pool, (client) => load(client, content));
    await expectArrived(many, content);
  });

  it.each(ways)('arrive merged by %s', async (_, merge) => {
    const [base, target] = [await ask(many), await ask(changed)];
    await transaction(edge.pool, (client) => load(client, base));
    await transaction(edge.pool, (client) => merge(client, base, target));
    await expectArrived(changed, target);
  });
});

const here = versionDifferences
  .filter(({ from }) => servers.central.version >= from.min && servers.central.version <= (from.max ?? 99))
  .map((difference) => ({
    ...difference,
    expected: difference.outcome(servers.edge.version, servers.central.version),
  }));

const messages = {
  carried: /^$/,
  APPLY_FAILED: /^This edge's PostgreSQL cannot read a value in (column value of )?table special: ./,
  SCHEMA_UNSUPPORTED: /^This edge's PostgreSQL cannot hold table special: .*NUMERIC scale/,
  CHECKSUM_MISMATCH: /^Table special reads back as 1 rows with checksum/,
};

function special(type: string, value: string | null): Asked {
  const literal = value === null ? 'NULL' : escapeLiteral(value);
  return { name: 'special', query: `SELECT 1 AS id, ${literal}::${type} AS value`, key: ['id'] };
}

async function expectOutcome(work: Promise<unknown>, expected: Outcome): Promise<void> {
  const outcome = await work.then(
    () => ({ code: 'carried', message: '' }),
    (error: { code: string; message: string }) => error,
  );
  expect(outcome).toMatchObject({ code: expected, message: expect.stringMatching(messages[expected]) });
}

describe('what not every version has:', () => {
  beforeEach(() => edge.pool.query('DROP TABLE IF EXISTS special'));

  it.each(here)('$what is loaded: $expected', async ({ type, value, expected }) => {
    const asked = special(type, value);
    const content = await contentOf(source.pool, asked);
    await expectOutcome(
      transaction(edge.pool, (client) => load(client, content)),
      expected,
    );
    const { rows } = await edge.pool.query(`SELECT to_regclass('special') IS NOT NULL AS exists`);
    expect(rows).toEqual([{ exists: expected === 'carried' }]);
    if (expected === 'carried') await expectArrived(asked, content);
  });

  const values = here.filter(({ expected }) => expected !== 'SCHEMA_UNSUPPORTED');

  it.each(values)('$what is merged by chunks: $expected', async ({ type, value, expected }) => {
    const asked = special(type, value);
    const base = await contentOf(source.pool, special(type, null));
    const target = await contentOf(source.pool, asked);
    await transaction(edge.pool, (client) => load(client, base));
    await expectOutcome(
      transaction(edge.pool, (client) => mergeByChunks(client, base, target)),
      expected,
    );
    const isThere = expected === 'carried';
    await expectArrived(isThere ? asked : special(type, null), isThere ? target : base);
  });
});
