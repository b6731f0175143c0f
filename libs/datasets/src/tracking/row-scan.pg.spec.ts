import { inTransaction, withClient } from '@rivulet/postgres';
import { describeQuery, parseQueryTemplate, type Parameters } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DependencyWalk } from '../watch/dependency-walk';
import { watchQuery } from '../watch/watch-query';
import { changedKeyOf } from './changed-key';
import { findRowScan } from './row-scan';

const limits = { statementTimeoutMs: 30_000, lockTimeoutMs: 5_000, idleTimeoutMs: 10_000 };
const parameters: Parameters = new Map([['site', { type: 'integer', value: null }]]);

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TABLE stock (id bigint PRIMARY KEY, site int, code text UNIQUE, amount numeric, price numeric(9,2), at timestamptz, "odd "" name" uuid);
    CREATE INDEX ON stock (site, id); CREATE INDEX ON stock (amount); CREATE INDEX ON stock ("odd "" name") WHERE site > 1; CREATE INDEX ON stock (at DESC);
    CREATE TABLE bytewise (code text PRIMARY KEY, body text); CREATE INDEX ON bytewise (code COLLATE "C");
    CREATE TABLE sites (id int PRIMARY KEY);
    CREATE VIEW shown AS SELECT id AS number, site FROM stock WHERE price > 1;
    CREATE FUNCTION amount_of(bigint) RETURNS numeric LANGUAGE sql STABLE BEGIN ATOMIC SELECT amount FROM stock WHERE id = $1; END;
    CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (PRIMARY KEY (id)) INHERITS (parents);`);
});

afterAll(() => database.drop());

/** The attributes of the key, or why there are none. */
async function keyOf(query: string, ...key: string[]): Promise<number[] | string> {
  const template = parseQueryTemplate(query);
  return withClient(database.pool, (client) =>
    inTransaction(client, limits, async () => {
      const watch = await watchQuery(client, template, parameters, await DependencyWalk.begin(client));
      const scan = await findRowScan(client, template, parameters, watch);
      if (typeof scan === 'string') return scan;
      const columns = await describeQuery(client, template, parameters);
      const changedKey = changedKeyOf(
        scan,
        key.map((name) => columns.find((column) => column.name === name)!),
      );
      return typeof changedKey === 'string' ? changedKey : changedKey.attributes;
    }),
  );
}

it.each<[string, string[], number[]]>([
  ['SELECT * FROM stock', ['id'], [1]],
  ['SELECT upper(code) AS code, id FROM stock s WHERE site = :site AND amount > 3', ['id'], [1]],
  ['SELECT id, site FROM ONLY stock', ['site', 'id'], [2, 1]],
  ['SELECT x.a AS b FROM (SELECT id AS a FROM stock) x', ['b'], [1]],
  ['SELECT number FROM shown WHERE site = :site', ['number'], [1]],
  ['SELECT * FROM bytewise', ['code'], [1]],
])('%s is read by key', async (query, key, attributes) => {
  expect(await keyOf(query, ...key)).toEqual(attributes);
});

it.each<[string, string[], RegExp]>([
  ['SELECT s.id FROM stock s JOIN sites t ON t.id = s.site', ['id'], /^it reads several tables/],
  ['SELECT id FROM parents', ['id'], /partitions, children or parents$/],
  ['SELECT id FROM children', ['id'], /partitions, children or parents$/],
  ['SELECT a.id FROM stock a JOIN stock b ON b.id = a.id', ['id'], /several times$/],
  ['SELECT id FROM stock UNION ALL SELECT id FROM stock', ['id'], /several times$/],
  ['SELECT id, amount_of(id) FROM stock', ['id'], /names its table, too$/],
  ['SELECT x.a AS id FROM stock AS x (a)', ['id'], /other names in FROM/],
  ['SELECT max(id) AS id FROM stock', ['id'], /not one scan .*: Aggregate/],
  ['SELECT DISTINCT id FROM stock', ['id'], /not one scan/],
  ['SELECT id, row_number() OVER (ORDER BY id) AS n FROM stock', ['id'], /not one scan .*WindowAgg/],
  ['SELECT id FROM stock ORDER BY id LIMIT 5', ['id'], /not one scan .*Limit/],
  ['SELECT id, generate_series(1, 2) AS n FROM stock', ['id'], /not one scan .*ProjectSet/],
  ['SELECT id, ctid::text AS place FROM stock', ['id'], /system column/],
  ['SELECT id + 1 AS id FROM stock', ['id'], /^id of its key is not a column/],
  ['SELECT code FROM stock', ['code'], /CREATE INDEX ON public\.stock \(code COLLATE "C"\)$/],
  ['SELECT price FROM stock', ['price'], /^no index/],
  ['SELECT id, site FROM stock', ['id', 'site'], /^no index/],
  ['SELECT "odd "" name" FROM stock', ['odd " name'], /^no index/],
  ['SELECT at FROM stock', ['at'], /^no index/],
  ['SELECT amount FROM stock', ['amount'], /^keys of type numeric are not noted/],
])('%s is read whole', async (query, key, reason) => {
  expect(await keyOf(query, ...key)).toMatch(reason);
});
