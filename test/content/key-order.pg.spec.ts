import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createEnglishDatabase, type TestDatabase } from '@rivulet/testing';
import { useCanonicalSettings } from '@rivulet/postgres';

/** The table under "Order of keys" in docs/protocol.md. */
const page = readFileSync(resolve(__dirname, '../../docs/protocol.md'), 'utf8');
const rows = page
  .slice(page.indexOf('| type | ascending |'), page.indexOf('`character(n)` compares like'))
  .split('\n')
  .slice(2)
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').slice(1, 4).map(codesIn) as [string[], string[], string[]]);

function codesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
}

/** Types of text are sorted by their bytes. */
const collated = new Set(['text', 'character varying', 'name']);

const cases = rows.flatMap(([types, ascending, equal]) =>
  types
    .filter((type) => !type.startsWith('timestamp'))
    .map((type) => ({ type, ascending: type === 'macaddr8' ? ascending.map(toMac8) : ascending, equal })),
);

function toMac8(mac: string): string {
  const parts = mac.split(':');
  return [...parts.slice(0, 3), 'ff', 'fe', ...parts.slice(3)].join(':');
}

let database: TestDatabase;

beforeAll(async () => {
  database = await createEnglishDatabase();
});
afterAll(() => database.drop());

/** As PostgreSQL sorts them, and in the text in which it sends them. */
async function sorted(type: string, values: string[]): Promise<string[]> {
  const collate = collated.has(type) ? ' COLLATE "C"' : '';
  const client = await database.pool.connect();
  try {
    await client.query('BEGIN');
    await useCanonicalSettings(client);
    const texts = values.map((value) => value.replaceAll('\\\\', '\\'));
    const { rows: found } = await client.query<{ text: string }>(
      `SELECT format('%s', value) AS text FROM (SELECT text::${type} AS value FROM unnest($1::text[]) AS text) AS typed
       ORDER BY value${collate}`,
      [texts],
    );
    return found.map(({ text }) => text.replaceAll('\\', '\\\\'));
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

it('is documented for the types of most keys', () => {
  expect(cases.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['integer', 'numeric', 'text', 'uuid', 'date', 'interval', 'inet']),
  );
  expect(cases.filter(({ ascending }) => ascending.length < 2)).toEqual([]);
});

it.each(cases)('values of $type are in the documented order', async ({ type, ascending }) => {
  expect(await sorted(type, ascending.toReversed())).toEqual(ascending);
});

it.each(cases.filter(({ equal }) => equal.length > 0))(
  'values of $type are equal as documented, with different texts',
  async ({ type, equal: [one, other] }) => {
    const { rows: found } = await database.pool.query<{ same: boolean }>(
      `SELECT $1::${type} = $2::${type} AND $1::${type}::text <> $2::${type}::text AS same`,
      [one, other],
    );
    expect(found).toEqual([{ same: true }]);
  },
);
