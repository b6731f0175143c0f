import { inTransaction, withClient } from '@rivulet/postgres';
import { parseQueryTemplate, type Parameters } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DependencyWalk } from '../watch/dependency-walk';
import { watchQuery } from '../watch/watch-query';
import { trackQuery } from './track-query';
import type { TableTracking } from './tracking';

const limits = { statementTimeoutMs: 30_000, lockTimeoutMs: 5_000, idleTimeoutMs: 10_000 };
const parameters: Parameters = new Map(
  Object.entries({
    site: 'integer',
    big: 'bigint',
    sites: 'integer[]',
    name: 'text',
    code: 'character varying(20)',
    names: 'text[]',
    id: 'uuid',
    active: 'boolean',
    amount: 'numeric',
    country: 'character(2)',
    odd: 'odd_int',
  }).map(([name, type]) => [name, { type, value: null }]),
);

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false);
    CREATE DOMAIN odd_int AS int; CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE sites (id int PRIMARY KEY, country char(2), name text);
    CREATE TABLE stock (id bigint PRIMARY KEY, site int, code varchar(20), amount numeric,
      active bool, ref uuid, odd odd_int, mac macaddr, mood mood, tags int[]);
    CREATE TABLE "Odd "" t(" ("site ) = $1" int, "AND" text);
    CREATE TABLE loosely (id int, code text COLLATE loose);
    CREATE TABLE policies (id int, site int);
    CREATE TABLE guarded (id int, site int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE POLICY known ON guarded USING (EXISTS (SELECT FROM policies p WHERE p.id = guarded.id));
    CREATE VIEW shown AS SELECT s.id, s.site, t.country FROM stock s JOIN sites t ON t.id = s.site;
    CREATE VIEW barred WITH (security_barrier) AS SELECT id, site FROM stock WHERE amount > 3;
    CREATE VIEW renamed AS SELECT a, b FROM sites AS t (b, c, a);
    CREATE VIEW counted AS SELECT site, count(*) AS n FROM stock GROUP BY site;
    CREATE TABLE events (id int, site int, at date) PARTITION BY RANGE (at);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE events_2 (at date, site int, id int);
    ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
    CREATE TABLE animals (id int); CREATE TABLE cats (site int) INHERITS (animals);
    CREATE FUNCTION stock_at(int) RETURNS SETOF stock LANGUAGE sql STABLE AS 'SELECT * FROM stock WHERE site = $1';
    CREATE FUNCTION same(int, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE OPERATOR === (FUNCTION = same, LEFTARG = int, RIGHTARG = text);`);
});

afterAll(() => database.drop());

async function track(query: string): Promise<TableTracking[]> {
  const template = parseQueryTemplate(query);
  return withClient(database.pool, (client) =>
    inTransaction(client, limits, async () => {
      const walk = await DependencyWalk.begin(client);
      const watch = await watchQuery(client, template, parameters, walk);
      return trackQuery(client, template, parameters, watch);
    }),
  );
}

/** `stock: site = :site` for each table, or `stock: all`. */
async function tracked(query: string): Promise<string[]> {
  const tables = await track(query);
  return tables.map(({ name, columns }) => {
    const conditions = (columns ?? []).map(({ name: column, values }) => {
      const texts = values.map(({ parameter, isArray }) => (isArray ? `any ${parameter}` : parameter));
      return `${column} ${texts.join(' ')}`;
    });
    return `${name.replace('public.', '')}: ${columns === undefined ? 'all' : conditions.join(', ')}`;
  });
}

const cases: [query: string, ...expected: string[]][] = [
  // Equality, lists, casts, and the order of the sides.
  ['SELECT id FROM stock WHERE site = :site', 'stock: site site'],
  ['SELECT id FROM stock WHERE :site = site AND amount > 3', 'stock: site site'],
  ['SELECT id FROM stock WHERE site = :big', 'stock: site big'],
  ['SELECT id FROM stock WHERE id = :site', 'stock: id site'],
  ['SELECT id FROM stock WHERE site = ANY (:sites)', 'stock: site any sites'],
  ['SELECT id FROM stock WHERE site IN (:site, :big::int)', 'stock: site site big'],
  ['SELECT id FROM stock WHERE site = :name::int', 'stock: site name'],
  ['SELECT id FROM stock WHERE code = :name', 'stock: code name'],
  ['SELECT id FROM stock WHERE code = :code', 'stock: code code'],
  ['SELECT id FROM stock WHERE code = ANY (:names)', 'stock: code any names'],
  ['SELECT id FROM stock WHERE ref = :id AND active = :active', 'stock: ref id'],
  ['SELECT id FROM stock WHERE mac = :name::macaddr', 'stock: mac name'],
  ['SELECT id FROM sites WHERE country = :country', 'sites: country country'],
  ['SELECT id FROM stock WHERE site = :site AND id = ANY (:sites)', 'stock: site site'],
  [
    `SELECT "AND" FROM "Odd "" t(" WHERE "site ) = $1" = :site AND "AND" <> 'a'' AND (x.site = $1)'`,
    `"Odd "" t(": site ) = $1 site`,
  ],
  [
    'SELECT id FROM stock WHERE site = :site UNION ALL SELECT id FROM stock WHERE id = :big',
    'stock: id big, site site',
  ],
  [
    'SELECT id FROM stock WHERE site = :site INTERSECT SELECT id FROM stock WHERE site = :big',
    'stock: site site big',
  ],
  // Queries that look alike and mean something else.
  ['SELECT id FROM stock WHERE site = :site OR amount > 3', 'stock: all'],
  ['SELECT id FROM stock WHERE (site = :site AND active) OR (site = :big AND amount > 3)', 'stock: all'],
  ['SELECT id FROM stock WHERE NOT (site = :site)', 'stock: all'],
  ['SELECT id FROM stock WHERE (site = :site) IS NOT TRUE', 'stock: all'],
  ['SELECT id FROM stock WHERE site IS NOT DISTINCT FROM :site', 'stock: all'],
  ['SELECT id FROM stock WHERE site <> :site', 'stock: all'],
  ['SELECT id FROM stock WHERE site >= :site AND site <= :site', 'stock: all'],
  ['SELECT id FROM stock WHERE site <> ALL (:sites)', 'stock: all'],
  ['SELECT id FROM stock WHERE site = ALL (:sites)', 'stock: all'],
  ['SELECT id FROM stock WHERE site + 1 = :site', 'stock: all'],
  ['SELECT id FROM stock WHERE site = :site + 1', 'stock: all'],
  ['SELECT id FROM stock WHERE site = coalesce(:site, 3)', 'stock: all'],
  ['SELECT id FROM stock WHERE site = CASE WHEN :active THEN :site ELSE 1 END', 'stock: all'],
  ['SELECT id FROM stock WHERE site === :name', 'stock: all'],
  ['SELECT id FROM stock WHERE (site = :site) = :active', 'stock: all'],
  ['SELECT id FROM stock WHERE tags = :sites', 'stock: all'],
  ['SELECT id FROM stock WHERE :site = ANY (tags)', 'stock: all'],
  ['SELECT id FROM stock WHERE site = (SELECT :site)', 'stock: all'],
  ['SELECT id FROM stock WHERE (SELECT site) = :site', 'stock: all'],
  ['SELECT id, :site AS site FROM stock', 'stock: all'],
  ['SELECT id FROM stock', 'stock: all'],
  // Types of which equal values can differ, or be compared by something else.
  ['SELECT id FROM stock WHERE amount = :amount', 'stock: all'],
  ['SELECT id FROM stock WHERE site = :amount', 'stock: all'],
  ['SELECT id FROM loosely WHERE code = :name', 'loosely: all'],
  ['SELECT id FROM stock WHERE code = :name COLLATE loose', 'stock: all'],
  ['SELECT id FROM stock WHERE code COLLATE loose = :name', 'stock: all'],
  ['SELECT id FROM stock WHERE code::char(2) = :country', 'stock: all'],
  ['SELECT id FROM sites WHERE country = :name', 'sites: all'],
  ['SELECT id FROM stock WHERE odd = :site', 'stock: all'],
  ['SELECT id FROM stock WHERE site = :odd', 'stock: all'],
  ['SELECT id FROM stock WHERE mood::text = :name', 'stock: all'],
  ['SELECT id FROM stock WHERE site::text = :name', 'stock: all'],
  // Joins.
  [
    'SELECT s.id FROM stock s JOIN sites t ON t.id = s.site WHERE s.site = :site',
    'sites: id site',
    'stock: site site',
  ],
  [
    'SELECT s.id FROM stock s JOIN sites t ON t.id = s.site WHERE t.country = :country',
    'sites: country country',
    'stock: all',
  ],
  [
    'SELECT s.id, t.name FROM stock s LEFT JOIN sites t ON t.id = s.site WHERE s.site = :site',
    'sites: id site',
    'stock: site site',
  ],
  [
    'SELECT s.id, t.name FROM stock s LEFT JOIN sites t ON t.id = s.site AND s.site = :site',
    'sites: all',
    'stock: all',
  ],
  ['SELECT t.id, s.code FROM sites t LEFT JOIN stock s ON s.site = :site', 'sites: all', 'stock: site site'],
  [
    'SELECT t.id, s.code FROM sites t FULL JOIN stock s ON s.site = t.id AND s.site = :site',
    'sites: all',
    'stock: all',
  ],
  ['SELECT s.id FROM stock s JOIN stock o ON o.site = s.site WHERE s.id = :big', 'stock: all'],
  [
    'SELECT s.id FROM stock s JOIN stock o ON o.id = s.id + 1 WHERE s.site = :site AND o.site = :big',
    'stock: site site big',
  ],
  // A join that PostgreSQL leaves out, while a key is unique.
  [
    'SELECT s.id FROM stock s LEFT JOIN sites t ON t.id = s.site WHERE s.site = :site',
    'sites: all',
    'stock: site site',
  ],
  ['SELECT s.id FROM stock s LEFT JOIN stock o ON o.id = s.amount WHERE s.site = :site', 'stock: all'],
  // Subqueries.
  [
    'SELECT id FROM stock s WHERE site = :site AND EXISTS (SELECT FROM sites t WHERE t.id = s.site AND t.name = :name)',
    'sites: name name',
    'stock: site site',
  ],
  [
    'SELECT id FROM stock WHERE site = :site AND id NOT IN (SELECT id FROM sites)',
    'sites: all',
    'stock: site site',
  ],
  [
    'SELECT id FROM stock s WHERE site = :site AND amount > (SELECT avg(amount) FROM stock o WHERE o.site = s.site)',
    'stock: all',
  ],
  [
    'SELECT id FROM stock WHERE site = :site AND amount > (SELECT avg(amount) FROM stock WHERE site = :site)',
    'stock: site site',
  ],
  [
    'SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY site) n, site FROM stock) s WHERE site = :site',
    'stock: site site',
  ],
  [
    'SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) n, site FROM stock) s WHERE site = :site',
    'stock: all',
  ],
  ['SELECT id FROM (SELECT * FROM stock ORDER BY id LIMIT 10) s WHERE site = :site', 'stock: all'],
  ['SELECT site FROM stock GROUP BY site HAVING site = :site', 'stock: site site'],
  ['SELECT max(id) AS id FROM stock WHERE site = :site', 'stock: site site'],
  [
    'WITH c AS (SELECT * FROM stock) SELECT a.id FROM c a JOIN c b USING (id) WHERE a.site = :site',
    'stock: all',
  ],
  [
    'WITH c AS (SELECT * FROM stock WHERE site = :site) SELECT a.id FROM c a JOIN c b USING (id)',
    'stock: site site',
  ],
  [
    'WITH c AS NOT MATERIALIZED (SELECT * FROM stock) SELECT a.id FROM c a JOIN c b ON b.id = a.amount WHERE a.site = :site',
    'stock: all',
  ],
  [
    'WITH c AS NOT MATERIALIZED (SELECT * FROM stock) SELECT a.id FROM c a LEFT JOIN c b ON b.id = a.amount WHERE a.site = :site',
    'stock: all',
  ],
  [
    'WITH RECURSIVE c AS (SELECT id FROM stock WHERE site = :site UNION SELECT s.id + 1 FROM stock s JOIN c ON c.id = s.id) SELECT id FROM c',
    'stock: all',
  ],
  // A subquery that is planned twice is not taken for a join that is left out.
  [
    `SELECT q.n + q.n AS twice FROM (SELECT id, (SELECT count(*) FROM stock o WHERE o.site = :site) AS n FROM sites) q
     LEFT JOIN stock s ON s.id = q.id WHERE q.id = :site`,
    'sites: id site',
    'stock: all',
  ],
  // Views, policies and functions.
  ['SELECT id FROM shown WHERE site = :site', 'sites: id site', 'stock: site site'],
  [
    'SELECT a.id FROM shown a JOIN shown b USING (id) WHERE a.site = :site AND b.site = :site',
    'sites: id site',
    'stock: site site',
  ],
  ['SELECT id FROM barred WHERE site = :site', 'stock: site site'],
  ['SELECT b FROM renamed WHERE b = :site', 'sites: all'],
  ['SELECT site FROM counted WHERE site = :site', 'stock: site site'],
  ['SELECT site FROM counted WHERE n = :big', 'stock: all'],
  ['SELECT s.a FROM sites AS s (b, a, id) WHERE s.id = :name', 'sites: all'],
  ['SELECT id FROM stock_at(:site)', 'stock: all'],
  ['SELECT s.id FROM stock s, stock_at(:site) o WHERE s.site = :site', 'stock: all'],
  ['SELECT g.id FROM guarded g WHERE g.site = :site', 'policies: all', 'guarded: site site'],
  [
    'SELECT g.id FROM guarded g, policies p WHERE g.site = :site AND p.site = :site',
    'policies: all',
    'guarded: site site',
  ],
  // Families.
  [
    'SELECT id FROM events WHERE site = :site',
    'events: site site',
    'events_1: site site',
    'events_2: site site',
  ],
  ['SELECT id FROM events WHERE at = :name::date', 'events: all', 'events_1: all', 'events_2: all'],
  ['SELECT id FROM events_1 WHERE site = :site', 'events: site site', 'events_1: site site'],
  [
    'SELECT id FROM events_1 WHERE site = :site UNION SELECT id FROM events_2',
    'events: all',
    'events_1: site site',
    'events_2: all',
  ],
  ['SELECT id FROM cats WHERE site = :site', 'animals: all', 'cats: site site'],
  ['SELECT id FROM animals WHERE id = :site', 'animals: id site', 'cats: id site'],
  ['SELECT id FROM ONLY animals WHERE id = :site', 'animals: id site', 'cats: all'],
];

describe('the rows of a table that a query reads', () => {
  it.each(cases)('%s', async (query, ...expected) => {
    expect((await tracked(query)).toSorted()).toEqual(expected.toSorted());
  });

  it('are all rows, with a reason, where the query has no parameter or PostgreSQL cannot plan it', async () => {
    expect(await track('SELECT id FROM stock')).toMatchObject([{ reason: 'the query has no parameter' }]);
    const [stock] = await track('SELECT id FROM stock WHERE amount = :amount');
    expect(stock!.reason).toContain('column amount of type numeric');
  });

  it('are all rows where somebody has an operator = of his own', async () => {
    await database.pool.query('CREATE OPERATOR public.= (FUNCTION = same, LEFTARG = int, RIGHTARG = text)');
    try {
      expect(await tracked('SELECT id FROM stock WHERE site = :site')).toEqual(['stock: all']);
    } finally {
      await database.pool.query('DROP OPERATOR public.= (int, text)');
    }
  });
});
