import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Pool } from 'pg';
import { useCanonicalSettings } from './canonical-session';
import { copyOut } from './copy/copy-out';
import { withClient } from './pool';
import { inTransaction } from './transaction';

const limits = { readOnly: true, statementTimeoutMs: 60_000, lockTimeoutMs: 0, idleTimeoutMs: 0 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

/** The line that COPY prints for an expression, after the settings have been pinned. */
function canonicalText(pool: Pool, expression: string): Promise<string> {
  return withClient(pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      const pieces: Buffer[] = [];
      for await (const piece of copyOut(client, `COPY (SELECT ${expression}) TO STDOUT`)) pieces.push(piece);
      return Buffer.concat(pieces).toString();
    }),
  );
}

/** A kind of value, an expression that makes it, and its canonical text. */
const awkwardValues = [
  ['NULL', 'NULL::text', String.raw`\N`],
  ['an empty text', `''`, ''],
  ['a text that looks like NULL', String.raw`'\N'`, String.raw`\\N`],
  ['a tab', String.raw`E'a\tb'`, String.raw`a\tb`],
  ['a line feed', String.raw`E'a\nb'`, String.raw`a\nb`],
  ['other control characters', String.raw`E'\r\b\f\x0b\x01'`, '\\r\\b\\f\\v\x01'],
  ['a backslash', String.raw`'\'`, String.raw`\\`],
  ['an emoji', `'😀'`, '😀'],
  ['2^53 + 1', '9007199254740993', '9007199254740993'],
  ['NaN', `'NaN'::float8`, 'NaN'],
  ['-0', `'-0'::float8`, '-0'],
  ['infinity', `'Infinity'::float8`, 'Infinity'],
  ['-infinity', `'-Infinity'::real`, '-Infinity'],
  ['a sum of floats', '0.1::float8 + 0.2::float8', '0.30000000000000004'],
  ['the smallest float', `'1e-45'::real`, '1e-45'],
  ['a numeric with its zeros', '1.10::numeric', '1.10'],
  ['a numeric without end', `'-Infinity'::numeric`, '-Infinity'],
  ['money', '1234567.5::money', '$1,234,567.50'],
  ['a timestamp before Christ', `'0044-03-15 12:00 BC'::timestamp`, '0044-03-15 12:00:00 BC'],
  ['a timestamp without end', `'infinity'::timestamptz`, 'infinity'],
  [
    'a timestamp of another zone',
    `'2026-11-21 12:00:00.123456+05:30'::timestamptz`,
    '2026-11-21 06:30:00.123456+00',
  ],
  ['a date', `'2026-02-01'::date`, '2026-02-01'],
  ['a date before all', `'-infinity'::date`, '-infinity'],
  ['midnight at the end of the day', `'24:00'::time`, '24:00:00'],
  ['a time with its zone', `'12:00+05:30'::timetz`, '12:00:00+05:30'],
  ['an interval', `'1 year -2 days 03:04:05.6'::interval`, '1 year -2 days +03:04:05.6'],
  ['a negative interval', `'-1 month 5 seconds'::interval`, '-1 mons +00:00:05'],
  ['bytea', String.raw`'\x00ff5c0a'::bytea`, String.raw`\\x00ff5c0a`],
  ['json as it was written', `'{"b":1, "a" : "\\n"}'::json`, String.raw`{"b":1, "a" : "\\n"}`],
  ['jsonb in its own order', `'{"bb":1.0, "a" : 2}'::jsonb`, '{"a": 2, "bb": 1.0}'],
  [
    'an array',
    String.raw`ARRAY['a,b', '"', NULL, 'NULL', '\', '']`,
    String.raw`{"a,b","\\"",NULL,"NULL","\\\\",""}`,
  ],
  ['an array that begins elsewhere', `'[0:1]={1,2}'::int[]`, '[0:1]={1,2}'],
  ['an array of timestamps', `ARRAY['2026-01-02 03:04'::timestamp]`, '{"2026-01-02 03:04:00"}'],
  ['an empty range', `'empty'::daterange`, 'empty'],
  ['a range of dates', `'[2026-01-01,2026-02-01]'::daterange`, '[2026-01-01,2026-02-02)'],
  ['a character that is padded', `'a'::char(3)`, 'a  '],
  ['xml', `'<a>1</a><b/>'::text::xml`, '<a>1</a><b/>'],
  ['bytes in xml', String.raw`xmlelement(NAME a, '\x00ff'::bytea)`, '<a>AP8=</a>'],
  ['bits', `B'0101'`, '0101'],
] as const;

describe('the canonical text of awkward values is exact', () => {
  const expected = awkwardValues.map(([what, , text]) => [what, `${text}\n`]);

  async function readAll(pool: Pool): Promise<string[][]> {
    const texts: string[][] = [];
    for (const [what, expression] of awkwardValues) {
      texts.push([what, await canonicalText(pool, expression)]);
    }
    return texts;
  }

  it('with the settings that the server comes with', async () => {
    expect(await readAll(database.pool)).toEqual(expected);
  });

  it('whatever the settings of the database and the role', async () => {
    const other = await createTestDatabase();
    const name = new URL(other.url).pathname.slice(1);
    const settings = {
      DateStyle: 'German, DMY',
      TimeZone: 'Asia/Kolkata',
      IntervalStyle: 'sql_standard',
      extra_float_digits: '-15',
      bytea_output: 'escape',
      lc_monetary: 'C.UTF-8',
      xmlbinary: 'hex',
      xmloption: 'document',
      default_transaction_isolation: 'serializable',
    };
    for (const [setting, value] of Object.entries(settings)) {
      await database.pool.query(`ALTER DATABASE ${name} SET ${setting} = '${value}'`);
    }
    await database.pool.query(`ALTER ROLE CURRENT_USER IN DATABASE ${name} SET DateStyle = 'SQL, DMY'`);
    // A pool of ours would have most of them pinned already.
    const plain = new Pool({ connectionString: other.url });
    try {
      const { rows } = await plain.query('SELECT interval $$1 day 2:03$$::text AS a, now()::date::text AS b');
      expect(rows).toEqual([{ a: '1 2:03:00', b: expect.stringMatching(/^\d\d\/\d\d\/\d{4}$/) }]);
      expect(await readAll(plain)).toEqual(expected);
    } finally {
      await plain.end();
      await other.drop();
    }
  });
});

describe('the pinned settings', () => {
  it('end with the transaction', async () => {
    await withClient(database.pool, async (client) => {
      await client.query(`SET IntervalStyle = 'iso_8601'`);
      await inTransaction(client, limits, () => useCanonicalSettings(client));
      const { rows } = await client.query(`SELECT current_setting('IntervalStyle') AS style`);
      expect(rows).toEqual([{ style: 'iso_8601' }]);
      await client.query('RESET IntervalStyle');
    });
  });
});
