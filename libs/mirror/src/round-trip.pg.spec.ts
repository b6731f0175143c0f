import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  schemaFingerprint,
  TableHasher,
  type Chunk,
  type ManifestTable,
  type TableContent,
} from '@rivulet/protocol';
import { createPool, inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { bindQuery, describeQuery, parseQueryTemplate, readChunks } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import fc from 'fast-check';
import { escapeIdentifier, type ClientBase, type Pool } from 'pg';
import { loadMirror, verifyMirror } from './load-mirror';

jest.setTimeout(120_000);

const limits = { statementTimeoutMs: 60_000, lockTimeoutMs: 10_000, idleTimeoutMs: 60_000 };

let source: TestDatabase;
/** Another collation, and other settings: an edge need have nothing in common with central. */
let edge: Pool;
let edgeName: string;

beforeAll(async () => {
  source = await createTestDatabase();
  await source.pool.query(`
    CREATE TYPE mood AS ENUM ('calm', 'Cross', 'it''s, "odd" {}');
    CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE >= 0);`);
  edgeName = `edge_${randomBytes(6).toString('hex')}`;
  await source.pool.query(
    `CREATE DATABASE ${edgeName} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`,
  );
  const settings = `DateStyle = 'German, DMY'; TimeZone = 'Asia/Kolkata'; IntervalStyle = sql_standard;
    extra_float_digits = -15; bytea_output = escape; xmloption = document; array_nulls = off`;
  for (const setting of settings.split(';')) {
    await source.pool.query(`ALTER DATABASE ${edgeName} SET ${setting}`);
  }
  const url = Object.assign(new URL(source.url), { pathname: `/${edgeName}` }).href;
  edge = createPool({ url, applicationName: 'test', maxConnections: 4 });
});

afterAll(async () => {
  await edge.end();
  await source.pool.query(`DROP DATABASE ${edgeName} WITH (FORCE)`);
  await source.drop();
});

function transaction<T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      return work(client);
    }),
  );
}

interface Asked {
  name: string;
  query: string;
  key: string[];
}

/** What central makes of a query: the table of a manifest, and its chunks. */
function snapshot(
  pool: Pool,
  { name, query, key }: Asked,
): Promise<{ table: ManifestTable; chunks: Chunk[] }> {
  return transaction(pool, async (client) => {
    const template = parseQueryTemplate(query);
    const described = await describeQuery(client, template, new Map());
    const keyColumns = key.map((column) => described.find((candidate) => candidate.name === column)!);
    const columns = [...keyColumns, ...described.filter((column) => !keyColumns.includes(column))];
    const schema = {
      name,
      table: name,
      columns: columns.map(({ name: n, type }) => ({ name: n, type })),
      key,
    };
    const fingerprint = schemaFingerprint(schema);
    const hasher = new TableHasher(fingerprint);
    const chunks: Chunk[] = [];
    const boundQuery = bindQuery(template, new Map());
    for await (const chunk of readChunks(client, { boundQuery, columns, keyColumns: key.length })) {
      hasher.add(chunk);
      chunks.push(chunk);
    }
    return { table: { ...schema, indexes: [], fingerprint, ...hasher.finish() }, chunks };
  });
}

function apply(table: ManifestTable, chunks: Chunk[]): Promise<TableContent> {
  return transaction(edge, async (client) => {
    const content = Readable.from(chunks.flatMap((chunk) => chunk.content));
    return verifyMirror(client, await loadMirror(client, table, content));
  });
}

/** Every row as PostgreSQL prints a row, which is another form than the canonical one; in the order of that text. */
function rowTexts(pool: Pool, columns: string[], from: string): Promise<string[]> {
  return transaction(pool, async (client) => {
    const list = columns.map(escapeIdentifier).join(', ');
    const { rows } = await client.query<{ row: string }>(`SELECT ROW(${list})::text AS row FROM ${from}`);
    return rows.map(({ row }) => row).toSorted();
  });
}

/** Sends the rows of a query to a mirror and reads both again: as central, as the edge, and by plain SQL. */
async function send(asked: Asked) {
  const { table: promised, chunks } = await snapshot(source.pool, asked);
  const found = await apply(promised, chunks);
  const names = promised.columns.map((column) => column.name);
  const mirror = `public.${escapeIdentifier(asked.name)}`;
  // The mirror is as good a source as the source is: it must make the same manifest.
  const { table } = await snapshot(edge, { ...asked, query: `SELECT * FROM ${mirror}` });
  return {
    promised,
    proved: { ...table, ...found },
    sent: await rowTexts(source.pool, names, `(${asked.query}) AS query`),
    arrived: await rowTexts(edge, names, mirror),
  };
}

// Values, in texts that PostgreSQL reads as the type.
const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((value) => !value.includes('\0'));
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 9 });
const padded = (digits: number, max: number): fc.Arbitrary<string> =>
  fc.nat({ max }).map((value) => String(value).padStart(digits, '0'));
const whole = (bits: bigint): fc.Arbitrary<string> =>
  fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n }).map(String);
const float = fc.oneof(fc.double(), fc.constantFrom(-0, NaN, Infinity, -Infinity, 2 ** 53 + 2));
const floatText = float.map((value) => (Object.is(value, -0) ? '-0' : String(value)));
const clock = fc
  .tuple(padded(2, 23), padded(2, 59), padded(2, 59), padded(6, 999_999))
  .map(([hour, minute, second, micros]) => `${hour}:${minute}:${second}.${micros}`);
const day = fc
  .tuple(fc.integer({ min: 1, max: 9_999 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([year, month, date]) => `${String(year).padStart(4, '0')}-${month}-${date}`);
const era = fc.constantFrom('', ' BC');
const date = fc.oneof(
  fc
    .tuple(day, era)
    .filter(([value, suffix]) => suffix === '' || value < '4700')
    .map((parts) => parts.join('')),
  fc.constantFrom('infinity', '-infinity', '5874897-12-31'),
);
const timestamp = fc.oneof(
  fc.tuple(day, clock).map((parts) => parts.join(' ')),
  fc.constantFrom('infinity', '-infinity', '0044-03-15 12:00:00 BC', '294276-12-31 23:59:59.999'),
);
const json = fc
  .tuple(fc.jsonValue({ stringUnit: 'binary' }), fc.nat({ max: 2 }))
  .map(([value, indent]) => JSON.stringify(value, null, indent))
  .filter((value) => !value.includes(String.raw`\u0000`));
const numeric = fc.oneof(
  fc.tuple(whole(90n), fc.nat({ max: 30 })).map(([digits, scale]) => `${digits}e-${scale}`),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '1.10', '0.000'),
);
const mood = fc.constantFrom('calm', 'Cross', `it's, "odd" {}`);

function arrayOf(element: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const quoted = element.map((value) => `"${value.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`);
  return fc
    .array(fc.option(quoted, { nil: 'NULL' }), { maxLength: 4 })
    .map((elements) => `{${elements.join(',')}}`);
}

/** Types that a key may have, and their values. */
const keyTypes: Record<string, fc.Arbitrary<string>> = {
  bigint: whole(64n),
  smallint: whole(16n),
  text,
  'character varying(4)': text,
  'character(3)': ascii,
  name: text,
  uuid: fc.uuid(),
  date,
  'timestamp with time zone': timestamp,
  'timestamp(3) without time zone': timestamp,
  'numeric(12,3)': fc.integer().map((value) => String(value / 1_000)),
  numeric,
  'double precision': floatText,
  bytea: fc.uint8Array({ maxLength: 9 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
  boolean: fc.boolean().map(String),
  inet: fc.oneof(fc.ipV4(), fc.ipV6()),
  mood,
  'text[]': arrayOf(text),
};

const types: Record<string, fc.Arbitrary<string>> = {
  ...keyTypes,
  real: fc.float().map(String),
  'numeric(5,-2)': fc.integer({ min: -99_999, max: 99_999 }).map(String),
  money: fc.integer().map((value) => String(value / 100)),
  'time without time zone': fc.oneof(clock, fc.constant('24:00:00')),
  'time with time zone': clock.map((value) => `${value}+05:30`),
  interval: fc
    .tuple(whole(20n), whole(20n), whole(50n))
    .map(([months, days, micros]) => `${months} mons ${days} days ${micros} microseconds`),
  json,
  jsonb: json,
  xml: text.map((value) => `<a>${value.replaceAll(/[^\p{L}\n\t ]/gu, '')}</a>`),
  'bit varying(9)': fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 9 }),
  int8range: fc.oneof(
    fc.tuple(fc.nat(), fc.nat()).map(([from, length]) => `[${from},${from + length}]`),
    fc.constantFrom('empty', '(,)', '[1,)'),
  ),
  tsvector: ascii.map((value) => `'${value.replaceAll(/['\\]/g, '')}x':1A,2`),
  point: fc.tuple(floatText, floatText).map(([x, y]) => `(${x},${y})`),
  price: fc.nat({ max: 99_999_999 }).map((value) => String(value / 100)),
  'price[]': arrayOf(fc.nat({ max: 999 }).map(String)),
  'mood[]': arrayOf(mood),
  'interval[]': arrayOf(fc.constantFrom('-1 days', '1 mon 02:03:04.5')),
  'bytea[]': arrayOf(fc.constantFrom('\\x', '\\x5c22')),
};

const anyName = fc.oneof(
  fc.constantFrom('a"b', '"); DROP TABLE x; --', '%I %s', 'Mixed Case', 'select', ' ', 'x'.repeat(63)),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 15 }).filter((value) => !value.includes('\0')),
);

interface RandomTable {
  columns: { name: string; type: string; inKey: boolean }[];
  rows: (string | null)[][];
}

const randomTable: fc.Arbitrary<RandomTable> = fc
  .tuple(
    fc.array(fc.constantFrom(...Object.keys(keyTypes)), { minLength: 1, maxLength: 3 }),
    fc.array(fc.constantFrom(...Object.keys(types)), { maxLength: 7 }),
  )
  .chain(([inKey, others]) => {
    const all = [
      ...inKey.map((type) => ({ type, inKey: true })),
      ...others.map((type) => ({ type, inKey: false })),
    ];
    return fc.tuple(
      fc.shuffledSubarray(all, { minLength: all.length }),
      fc.uniqueArray(anyName, { minLength: all.length, maxLength: all.length }),
    );
  })
  .chain(([shapes, names]) => {
    const columns = shapes.map((shape, index) => ({ ...shape, name: names[index]! }));
    const values = columns.map(({ type, inKey }) => (inKey ? types[type]! : fc.option(types[type]!)));
    return fc.record({
      columns: fc.constant(columns),
      rows: fc.array(fc.tuple(...values), { maxLength: 25, size: 'max' }),
    });
  });

/** Makes the table at the source; of rows with equal keys it keeps one. */
async function store({ columns, rows }: RandomTable): Promise<void> {
  const definitions = columns.map(({ name, type }) => `${escapeIdentifier(name)} ${type}`);
  const key = columns.filter(({ inKey }) => inKey).map(({ name }) => escapeIdentifier(name));
  await source.pool.query(
    `DROP TABLE IF EXISTS random_rows;
     CREATE TABLE random_rows (${definitions.join(', ')}, PRIMARY KEY (${key.join(', ')}))`,
  );
  const places = columns.map(({ type }, index) => `$${index + 1}::${type}`).join(', ');
  for (const row of rows) {
    await source.pool.query(`INSERT INTO random_rows VALUES (${places}) ON CONFLICT DO NOTHING`, row);
  }
}

describe('rows that travel from a source to a mirror', () => {
  it('are the same there, whatever their types, values and names, and have the same checksum', async () => {
    const property = fc.asyncProperty(randomTable, anyName, async (table, name) => {
      await store(table);
      const key = table.columns.filter(({ inKey }) => inKey).map((column) => column.name);
      const { promised, proved, sent, arrived } = await send({
        name,
        query: 'SELECT * FROM random_rows',
        key,
      });
      expect(proved).toEqual(promised);
      expect(arrived).toEqual(sent);
    });
    await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 90_000 });
  });

  it('are the same there when they are many, whatever has happened to both tables', async () => {
    await source.pool.query(`
      CREATE TABLE many AS
      SELECT n AS id, (ARRAY['a', 'B', 'b', 'A'])[n % 4 + 1] AS "Key", n / 7.0 AS ratio, n::float8 / 3 AS quotient,
             repeat('ä\\', n % 300) AS filler, timestamptz '2026-01-01' + n * interval '1.000001 s' AS at,
             (ARRAY['calm', 'Cross', NULL]::mood[])[n % 3 + 1] AS mood, jsonb_build_object('n', n) AS doc,
             int4range(n, n + 9) AS span, decode(md5(n::text), 'hex') AS hash
      FROM generate_series(1, 20000) AS n ORDER BY md5(n::text)`);
    const asked = { name: 'many', query: 'TABLE many', key: ['Key', 'id'] };
    const first = await send(asked);
    expect(first.proved).toEqual(first.promised);
    expect(first.proved.rows).toBe(20_000);
    expect(first.arrived).toEqual(first.sent);

    await source.pool.query('UPDATE many SET id = id; CREATE INDEX ON many (ratio)');
    await edge.query('ALTER TABLE many ALTER "Key" TYPE text COLLATE "en-US-x-icu"');
    expect((await send(asked)).proved).toEqual(first.proved);
  });
});
