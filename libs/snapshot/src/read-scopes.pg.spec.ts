import { hash } from 'node:crypto';
import { tableChecksum, type Chunk } from '@rivulet/protocol';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import fc from 'fast-check';
import type { ClientBase } from 'pg';
import { bindQuery, describeQuery, type Parameters } from './describe-query';
import { parseQueryTemplate, type QueryTemplate } from './query-template';
import { readChunks } from './read-chunks';
import { readScopes, type ScopesSource } from './read-scopes';

jest.setTimeout(60_000);

const limits = { readOnly: true, statementTimeoutMs: 60_000, lockTimeoutMs: 0, idleTimeoutMs: 0 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TYPE mood AS ENUM ('fine', 'so so');
    CREATE TABLE stock (
      id int PRIMARY KEY, site int, name text, price numeric(10,2), mood mood, tags text[], at timestamptz, bytes bytea);
    INSERT INTO stock SELECT n, n * 7919 % 60, 'näme	' || n || E'\\n\\\\', n * 31 % 997 / 100.0,
      (ARRAY['fine', 'so so', NULL]::mood[])[1 + n % 3], ARRAY['a', NULL, n::text], timestamptz 'epoch' + n * interval '1 h',
      decode(md5(n::text), 'hex') FROM generate_series(1, 6000) n;
    -- One site has far more than the others, in many chunks.
    INSERT INTO stock SELECT n, 61, repeat(md5(n::text), 4) FROM generate_series(10001, 25000) n;
    CREATE TABLE groups (group_id int, id int);
    INSERT INTO groups SELECT n % 17, n FROM generate_series(1, 3000) n;
    CREATE INDEX ON stock (site)`);
  await database.pool.query('ANALYZE');
});

afterAll(() => database.drop());

/** Queries of different kinds, each with the key `id`. */
const queries = [
  'SELECT id, name, price, mood, tags, at, bytes FROM stock WHERE site = :site',
  'SELECT name, id FROM stock WHERE site BETWEEN :site AND :site + :more',
  'SELECT id, :label AS label, :more + id AS sum FROM stock WHERE site IN (:site, :more)',
  'SELECT DISTINCT id FROM groups WHERE group_id = ANY (:group_ids)',
  'SELECT s.id, g.group_id FROM stock s LEFT JOIN groups g ON g.id = s.id AND g.group_id = :more WHERE s.site = :site',
  `WITH mine AS MATERIALIZED (SELECT * FROM stock WHERE site = :site), ranked AS (
     SELECT id, name, row_number() OVER (ORDER BY name, id) AS place FROM mine)
   SELECT place AS id, name, (SELECT count(*) FROM mine) AS of FROM ranked`,
  'SELECT id, price FROM stock WHERE site = :site ORDER BY price DESC, id LIMIT :more OFFSET 1',
  `SELECT site AS id, count(*) AS rows, sum(price) AS total, string_agg(name, ',' ORDER BY id) AS names
   FROM stock WHERE site <= :more GROUP BY site HAVING count(*) > :site`,
  'SELECT id FROM unnest(:group_ids) AS id WHERE id IS NOT NULL GROUP BY id',
  'SELECT generate_series(1, :more) AS id, :label AS label',
  `SELECT id FROM stock WHERE site = :site UNION SELECT id FROM groups WHERE group_id = :more EXCEPT SELECT :site`,
  'WITH RECURSIVE up AS (SELECT :site AS id UNION SELECT id + 1 FROM up WHERE id < :site + :more) SELECT id FROM up',
  'SELECT id, name COLLATE "C" AS name FROM stock WHERE site = :site AND (:label IS NULL OR name LIKE :label)',
  'SELECT id FROM stock s WHERE EXISTS (SELECT FROM groups g WHERE g.id = s.id AND g.group_id = ANY (:group_ids)) AND at > :since',
].map((text) => ({ text, template: parseQueryTemplate(text) }));

const scope = fc
  .record({
    site: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 70 }) }, fc.constantFrom(61, -1)),
    more: fc.integer({ min: 0, max: 20 }),
    label: fc.constantFrom(null, 'näme%', "it's \\ a\ttab", ''),
    group_ids: fc.uniqueArray(fc.integer({ min: 0, max: 18 }), { maxLength: 4 }),
    since: fc.constantFrom('1970-01-01 00:00:00+00', '1970-03-01 02:00:00+02', 'infinity'),
  })
  .map(
    ({ site, more, label, group_ids: groups, since }): Parameters =>
      new Map([
        ['site', { type: 'integer', value: `${site}` }],
        ['more', { type: 'bigint', value: `${more}` }],
        ['label', { type: 'text', value: label }],
        ['group_ids', { type: 'integer[]', value: groups.length === 3 ? null : `{${groups.join(',')}}` }],
        ['since', { type: 'timestamp with time zone', value: since }],
      ]),
  );

async function inSource<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(database.pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      return work(client);
    }),
  );
}

function isKey({ name }: { name: string }): boolean {
  return name === 'id';
}

async function sourceOf(
  client: ClientBase,
  template: QueryTemplate,
  scopes: Parameters[],
): Promise<ScopesSource> {
  const described = await describeQuery(client, template, scopes[0]!);
  const columns = [...described.filter(isKey), ...described.filter((column) => !isKey(column))];
  return { template, columns, keyColumns: 1, scopes };
}

/** As text: Jest compares large buffers byte by byte. */
type Read = Pick<Chunk, 'rows' | 'bytes' | 'firstKey' | 'lastKey'> & {
  digest: string;
  contentDigest: string;
};

function readable({ digest, content, ...chunk }: Chunk): Read {
  return { ...chunk, digest: digest.toString('hex'), contentDigest: hash('sha256', content) };
}

/** The chunks of each scope, read in one statement. */
async function together(client: ClientBase, source: ScopesSource): Promise<Read[][]> {
  const chunks: Read[][] = source.scopes.map(() => []);
  for await (const { scope: place, chunk } of readScopes(client, source))
    chunks[place]!.push(readable(chunk));
  return chunks;
}

/** The same, each in a statement of its own. */
async function alone(
  client: ClientBase,
  { template, columns, keyColumns, scopes }: ScopesSource,
): Promise<Read[][]> {
  const chunks: Read[][] = [];
  for (const parameters of scopes) {
    const source = { boundQuery: bindQuery(template, parameters), columns, keyColumns };
    const read: Read[] = [];
    for await (const chunk of readChunks(client, source)) read.push(readable(chunk));
    chunks.push(read);
  }
  return chunks;
}

function digestsOf(read: Read[]): string[] {
  return read.map(({ digest }) => digest);
}

it.each(queries)('reads byte for byte what each scope has by itself: $text', async ({ template }) => {
  await inSource((client) =>
    fc.assert(
      fc.asyncProperty(fc.array(scope, { minLength: 1, maxLength: 12 }), async (scopes) => {
        const source = await sourceOf(client, template, scopes);
        expect(await together(client, source)).toEqual(await alone(client, source));
      }),
      { numRuns: Number(process.env['RIVULET_SCOPES_RUNS'] ?? 6) },
    ),
  );
});

it('cuts the rows of a scope with many chunks as ever, between scopes that have none', async () => {
  const scopes = [-1, 61, -2, 5].map(
    (site): Parameters => new Map([['site', { type: 'integer', value: `${site}` }]]),
  );
  await inSource(async (client) => {
    const source = await sourceOf(client, queries[0]!.template, scopes);
    const [none, many, , few] = await together(client, source);
    expect([none!.length, few!.length]).toEqual([0, 1]);
    expect(many!.length).toBeGreaterThan(10);
    const [, alone61] = await alone(client, source);
    expect(tableChecksum('00', digestsOf(many!))).toBe(tableChecksum('00', digestsOf(alone61!)));
  });
});
