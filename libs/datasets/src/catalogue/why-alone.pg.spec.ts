import { inTransaction, readCatalogue, withClient } from '@rivulet/postgres';
import { describeQuery, parseQueryTemplate, type Parameters } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { whyAlone } from './why-alone';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TABLE t (id int, site int, name text, price numeric(10,2), weight float8, amount numeric);
    CREATE FUNCTION unlabelled(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
    CREATE FUNCTION labelled(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1'`);
});

afterAll(() => database.drop());

const parameters: Parameters = new Map([
  ['site', { type: 'integer', value: null }],
  ['ids', { type: 'integer[]', value: null }],
]);

async function reasonOf(query: string): Promise<string | undefined> {
  const template = parseQueryTemplate(query);
  return withClient(database.pool, (client) =>
    inTransaction(client, readCatalogue, async () => {
      const columns = await describeQuery(client, template, parameters);
      return whyAlone(client, { template, parameters, columns, keyColumns: 1 });
    }),
  );
}

describe('the rows of many scopes are read in one statement', () => {
  it.each([
    'SELECT id, name FROM t WHERE site = :site',
    'SELECT id FROM t ORDER BY id LIMIT :site',
    'SELECT DISTINCT ON (id) id, name FROM t WHERE site = :site ORDER BY id, name',
    'SELECT site AS id, count(*), sum(price), max(name), array_agg(name ORDER BY id) FROM t WHERE id = ANY (:ids) GROUP BY site',
    "SELECT labelled(id) AS id, lower(name) FROM t WHERE site = :site AND now() > timestamptz 'epoch'",
    'SELECT unnest(:ids) AS id',
    'SELECT id, weight FROM t WHERE site = :site',
    'SELECT id FROM t',
  ])('%s', async (query) => {
    expect(await reasonOf(query)).toBeUndefined();
  });
});

describe('the rows of each scope are read by themselves, with the reason', () => {
  it.each([
    ['SELECT amount AS id FROM t WHERE site = :site', 'equal keys can have different texts'],
    ['SELECT id, random() FROM t WHERE site = :site', 'random(), which is VOLATILE'],
    [
      'SELECT "unlabelled"(id) AS id FROM t WHERE site = :site',
      'unlabelled(), which is VOLATILE; if that only reads, declare it STABLE',
    ],
    ['SELECT id FROM t WHERE site = :site LIMIT 5', 'LIMIT without ORDER BY'],
    ['SELECT id FROM t WHERE site = :site FETCH FIRST ROW ONLY', 'FETCH without ORDER BY'],
    ['SELECT DISTINCT ON (site) id FROM t WHERE site = :site', 'DISTINCT ON without ORDER BY'],
    [
      "SELECT site AS id, string_agg(name, ',') FROM t WHERE site = :site GROUP BY site",
      'string_agg() without ORDER BY',
    ],
    [
      'SELECT site AS id, sum(weight) FROM t WHERE site = :site GROUP BY site',
      'sum() of floating-point numbers',
    ],
    ['SELECT id AS "rivulet 0" FROM t WHERE site = :site', 'a name with "rivulet" in it'],
    ['SELECT id, :site FROM t', 'PostgreSQL refuses it there: column "int4" does not exist'],
    [
      'SELECT count(:site) AS id FROM t',
      'PostgreSQL refuses it there: aggregate functions are not allowed in FROM clause',
    ],
  ])('%s', async (query, reason) => {
    expect(await reasonOf(query)).toContain(reason);
  });
});
