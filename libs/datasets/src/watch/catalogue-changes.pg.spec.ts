import { inTransaction, ownTables, withClient } from '@rivulet/postgres';
import { parseQueryTemplate } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { cataloguesAToE } from '../../test/catalogues-a-to-e';
import { cataloguesFToZ } from '../../test/catalogues-f-to-z';
import { DependencyWalk } from './dependency-walk';
import { definitionDigest, readDefinitions } from './read-definitions';
import { watchQuery } from './watch-query';

let database: TestDatabase;
let role: string;

beforeEach(async () => {
  database = await createTestDatabase();
  role = `reader_${new URL(database.url).pathname.slice(6)}`;
  await database.pool.query(`
    CREATE ROLE ${role}; CREATE ROLE ${role}_group;
    CREATE TABLE users (id int PRIMARY KEY, name text, born date);
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
    CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN small AS int CHECK (VALUE < 100);
    CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT i * 2';
    CREATE FUNCTION plus(s int, i int) RETURNS int LANGUAGE sql IMMUTABLE RETURN s + i;
    CREATE AGGREGATE total(int) (SFUNC = plus, STYPE = int, INITCOND = '0');
    CREATE OPERATOR @+@ (FUNCTION = plus, LEFTARG = int, RIGHTARG = int);
    CREATE FUNCTION text_of(p pair) RETURNS text LANGUAGE sql IMMUTABLE RETURN p.b;
    CREATE CAST (pair AS text) WITH FUNCTION text_of(pair);
    CREATE VIEW loud AS SELECT id, upper(name) AS name FROM users;
    CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
    CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple);
    CREATE COLLATION latin FROM "C";
    CREATE TYPE spans AS RANGE (SUBTYPE = int);
    GRANT USAGE ON SCHEMA public TO ${role};
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
});

afterEach(async () => {
  await database.pool.query(`DROP OWNED BY ${role}, ${role}_group CASCADE; DROP ROLE ${role}, ${role}_group`);
  await database.drop();
});

/** How a query is watched: why it is polled, else what decides when it must be read again. */
async function look(query: string): Promise<string> {
  return withClient(database.pool, (client) =>
    inTransaction(client, ownTables, async () => {
      await client.query(`SET LOCAL ROLE ${role}`);
      const { relations, polled, definitions } = await watchQuery(
        client,
        parseQueryTemplate(query),
        new Map(),
        await DependencyWalk.begin(client),
      );
      if (polled !== undefined) return `polled: ${polled}`;
      const read = await readDefinitions(client, definitions, ['rivulet_note_change']);
      return `${relations.join(' ')} ${definitionDigest(read, definitions)}`;
    }),
  );
}

/**
 * Every catalogue of PostgreSQL: changes of it that can change what a query returns, or why none can. A catalogue that is
 * not here, of a later version, fails the test below until somebody has thought about it.
 */
const catalogues = { ...cataloguesAToE, ...cataloguesFToZ };

const changes = Object.entries(catalogues).flatMap(([catalogue, list]) =>
  typeof list === 'string' ? [] : list.map((change) => ({ catalogue, ...change })),
);

it('is thought about for every catalogue that this PostgreSQL has', async () => {
  const { rows } = await database.pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' ORDER BY 1`,
  );
  expect(rows.map(({ name }) => name).filter((name) => !(name in catalogues))).toEqual([]);
});

async function run(sql: string): Promise<void> {
  await withClient(database.pool, async (client) => {
    await client.query('SET allow_system_table_mods = on');
    await client.query(sql.replaceAll('{role}', role));
    await client.query('RESET allow_system_table_mods');
  });
}

describe('a change that writes to no table is noticed, or the query was polled before:', () => {
  it.each(changes)('$catalogue, $what', async ({ setUp = 'SELECT', query, change, undo }) => {
    await run(setUp);
    const before = await look(query);
    expect(before).not.toContain('polled:');
    expect(await look(query)).toBe(before);
    await run(change);
    const after = await look(query).catch((error: Error) => error.message);
    if (undo !== undefined) await run(undo);
    expect(after).not.toBe(before);
  });
});
