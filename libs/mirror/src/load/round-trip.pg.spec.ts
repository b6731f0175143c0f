import { Readable } from 'node:stream';
import { schemaFingerprint, TableHasher, type Chunk, type ManifestTable } from '@rivulet/protocol';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { bindQuery, describeQuery, parseQueryTemplate, readChunks } from '@rivulet/snapshot';
import { createEnglishDatabase, createTestDatabase, ordinary, type TestDatabase } from '@rivulet/testing';
import fc from 'fast-check';
import { escapeIdentifier, type ClientBase, type Pool } from 'pg';
import { columnTypes, keyTypes } from '../../test/arbitrary-values';
import { loadAsEdge } from '../../test/load-as-edge';
import { proveMirror } from '../prove/prove-mirror';
import { scanMirror } from '../prove/scan-mirror';

jest.setTimeout(120_000);

const limits = { statementTimeoutMs: 60_000, lockTimeoutMs: 10_000, idleTimeoutMs: 60_000 };

let source: TestDatabase;
/** Another collation, and other settings: an edge need have nothing in common with central. */
let edgeDatabase: TestDatabase;
let edge: Pool;

beforeAll(async () => {
  source = await createTestDatabase();
  await source.pool.query(`
    CREATE TYPE mood AS ENUM ('calm', 'Cross', 'it''s, "odd" {}');
    CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE >= 0);`);
  edgeDatabase = await createEnglishDatabase();
  edge = edgeDatabase.pool;
  const edgeName = new URL(edgeDatabase.url).pathname.slice(1);
  const settings = `DateStyle = 'German, DMY'; TimeZone = 'Asia/Kolkata'; IntervalStyle = sql_standard;
    extra_float_digits = -15; bytea_output = escape; xmloption = document; array_nulls = off`;
  for (const setting of settings.split(';')) {
    await source.pool.query(`ALTER DATABASE ${edgeName} SET ${setting}`);
  }
});

afterAll(async () => {
  await edgeDatabase.drop();
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

/** Central's output for a query: the table of a manifest, and its chunks. */
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
    return { table: { ...schema, ...ordinary, indexes: [], fingerprint, ...hasher.finish() }, chunks };
  });
}

function apply(table: ManifestTable, chunks: Chunk[]): Promise<void> {
  return transaction(edge, async (client) => {
    const content = Readable.from(chunks.map((chunk) => chunk.content));
    const { mirror } = await loadAsEdge(client, table, content);
    proveMirror(table, await scanMirror(client, mirror));
  });
}

/** Every row as PostgreSQL prints a row, which differs from the canonical form; in the order of that text. */
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
  await apply(promised, chunks);
  const names = promised.columns.map((column) => column.name);
  const mirror = `public.${escapeIdentifier(asked.name)}`;
  // The mirror is as good a source as the source is: it must make the same manifest.
  const { table } = await snapshot(edge, { ...asked, query: `SELECT * FROM ${mirror}` });
  return {
    promised,
    proved: table,
    sent: await rowTexts(source.pool, names, `(${asked.query}) AS query`),
    arrived: await rowTexts(edge, names, mirror),
  };
}

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
    fc.array(fc.constantFrom(...Object.keys(columnTypes)), { maxLength: 7 }),
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
    const values = columns.map(({ type, inKey }) =>
      inKey ? columnTypes[type]! : fc.option(columnTypes[type]!),
    );
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
