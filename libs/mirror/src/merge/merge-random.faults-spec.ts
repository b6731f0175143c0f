import { copyOut } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import fc from 'fast-check';
import { escapeIdentifier } from 'pg';
import { columnTypes, keyTypes } from '../../test/arbitrary-values';
import {
  byChunks,
  byPatches,
  contentOf,
  load,
  summaries,
  transaction,
  type Content,
  type Merge,
} from '../../test/mirror-fixture';
import { openMirror } from '../table/mirror-table';
import { proveMirror } from '../prove/prove-mirror';
import { scanMirror } from '../prove/scan-mirror';

jest.setTimeout(180_000);

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

type Row = (string | null)[];

/** A table before and after a change. The last column makes rows so large that there are several chunks. */
interface RandomChange {
  keyColumns: number;
  columns: { name: string; type: string }[];
  before: Row[];
  after: Row[];
}

/** Not those that only the source of another spec has. */
function builtIn(types: object): string[] {
  return Object.keys(types).filter((type) => !/mood|price/.test(type));
}

function arbitraryChange(keys: fc.Arbitrary<string[]>): fc.Arbitrary<RandomChange> {
  const others = fc.array(fc.constantFrom(...builtIn(columnTypes)), { maxLength: 4 });
  return fc.tuple(keys, others).chain(([keyed, rest]) => {
    const types = [...keyed, ...rest, 'text'];
    const filler = fc.nat({ max: 60 }).map((size) => 'ä\\\t'.repeat(size * 200));
    const key = fc.tuple(...keyed.map((type) => keyTypes[type]!));
    const values = fc.tuple(...rest.map((type) => fc.option(columnTypes[type]!)), filler);
    const place = fc.record({
      key,
      before: fc.option(values, { freq: 4 }),
      after: fc.option(values, { freq: 2 }),
      stays: fc.nat({ max: 3 }).map((dice) => dice > 0),
    });
    return fc.array(place, { maxLength: 40, size: 'max' }).map((places) => ({
      keyColumns: keyed.length,
      // Names that the statements of a merge use themselves.
      columns: types.map((type, index) => ({
        type,
        name: ['mirror', 'staged', 'rivulet_rows', 'a"b'][index] ?? `column ${index}`,
      })),
      before: places.flatMap(({ key: k, before }) => (before === null ? [] : [[...k, ...before]])),
      after: places.flatMap(({ key: k, before, after, stays }) => {
        const value = stays ? before : after;
        return value === null ? [] : [[...k, ...value]];
      }),
    }));
  });
}

/** Has PostgreSQL make canonical rows; of those with equal keys it keeps one. */
async function publish({ columns, keyColumns }: RandomChange, rows: Row[]): Promise<Content> {
  const names = columns.map(({ name }) => escapeIdentifier(name));
  const definitions = columns.map(({ type }, index) => `${names[index]} ${type}`).join(', ');
  const key = names.slice(0, keyColumns);
  const casts = columns.map(({ type }, index) => `value[${index + 1}]::${type}`).join(', ');
  return transaction(database.pool, async (client) => {
    await client.query(
      `CREATE TEMPORARY TABLE source (${definitions}, PRIMARY KEY (${key.join(', ')})) ON COMMIT DROP`,
    );
    await client.query(
      `INSERT INTO source SELECT ${casts} FROM (
         SELECT ARRAY(SELECT jsonb_array_elements_text(row)) AS value FROM jsonb_array_elements($1::jsonb) AS row
       ) AS rows ON CONFLICT DO NOTHING`,
      [JSON.stringify(rows)],
    );
    const types = columns.slice(0, keyColumns).map(({ type }) => type);
    const collatable = /^(text|char|name)/;
    const order = key.map((name, index) => (collatable.test(types[index]!) ? `${name} COLLATE "C"` : name));
    const pieces: Buffer[] = [];
    const query = `COPY (SELECT * FROM source ORDER BY ${order.join(', ')}) TO STDOUT`;
    for await (const piece of copyOut(client, query)) pieces.push(piece);
    return contentOf(columns, keyColumns, Buffer.concat(pieces));
  });
}

/** The chunks after a merge: as its spans are read back, and as all of the mirror is. */
function mergeAndScan(merge: Merge, base: Content, target: Content) {
  return transaction(database.pool, async (client) => {
    const { chunks } = await merge(client, base, target);
    proveMirror(target.table, chunks);
    const mirror = await openMirror(client, target.table);
    return { touched: chunks, all: await scanMirror(client, mirror) };
  });
}

const ways: [string, Merge][] = [
  ['chunks', byChunks],
  ['patches', byPatches],
];

const composite: fc.Arbitrary<string[]> = fc.array(fc.constantFrom(...builtIn(keyTypes)), {
  minLength: 1,
  maxLength: 3,
});
const common = [
  'bigint',
  'text',
  'uuid',
  'numeric',
  'date',
  'timestamp with time zone',
  'bytea',
  'double precision',
];
const keys = fc.oneof<fc.Arbitrary<string[]>[]>(
  fc.constantFrom(...common).map((type) => [type]),
  fc.constant(['text', 'smallint']),
  composite,
);

describe('a merge', () => {
  it.each(ways)('by %s makes just the chunks of the target, whatever the rows are', async (_, merge) => {
    const property = fc.asyncProperty(arbitraryChange(keys), async (change) => {
      const base = await publish(change, change.before);
      const target = await publish(change, change.after);
      await load(database.pool, base);
      const { touched, all } = await mergeAndScan(merge, base, target);
      expect(touched).toEqual(summaries(target));
      expect(all).toEqual(touched);
    });
    await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 80_000 });
  });
});
