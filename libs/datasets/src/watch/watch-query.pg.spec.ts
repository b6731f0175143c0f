import { inTransaction, withClient } from '@rivulet/postgres';
import { parseQueryTemplate, type Parameters } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DependencyWalk } from './dependency-walk';
import { watchQuery, type Watch } from './watch-query';

const limits = { statementTimeoutMs: 10_000, lockTimeoutMs: 5_000, idleTimeoutMs: 10_000 };
const parameters: Parameters = new Map([
  ['ids', { type: 'integer[]', value: null }],
  ['site', { type: 'text', value: null }],
  ['day', { type: 'date', value: null }],
]);

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TABLE users (id int PRIMARY KEY, site text, born date);
    CREATE TABLE groups (id int PRIMARY KEY, owner int);
    CREATE SCHEMA "Odd ""schema"; CREATE TABLE "Odd ""schema"."now(" (id int);
    CREATE VIEW owners AS SELECT u.* FROM users u JOIN groups g ON g.owner = u.id;
    CREATE VIEW owners_again AS SELECT * FROM owners;
    CREATE MATERIALIZED VIEW frozen AS SELECT * FROM users;
    CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
    CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
    CREATE TABLE animals (id int); CREATE TABLE cats (claws int) INHERITS (animals);
    CREATE FUNCTION inlined(int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT $1 > 3';
    CREATE FUNCTION hidden(int) RETURNS boolean LANGUAGE plpgsql STABLE AS
      'BEGIN RETURN EXISTS (SELECT FROM groups WHERE id = $1); END';
    CREATE FUNCTION pure(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END';
    CREATE FUNCTION run_query(text, boolean, boolean, text) RETURNS xml LANGUAGE internal STABLE AS 'query_to_xml';
    CREATE FUNCTION counted(text, int) RETURNS int LANGUAGE plpgsql STABLE AS
      'BEGIN RETURN (SELECT count(*) FROM groups); END';
    CREATE OPERATOR #@# (FUNCTION = counted, LEFTARG = text, RIGHTARG = int);
    CREATE TABLE odd ("it's" date, note text);
    CREATE UNLOGGED TABLE scratch (id int);
    CREATE SEQUENCE counter;
    CREATE SCHEMA rivulet; CREATE TABLE rivulet.changed_tables (relation oid)`);
});

afterAll(() => database.drop());

/** The watches of queries that are looked at in one transaction, which has done something `before`. */
async function watch(queries: string[], before = 'SELECT 1'): Promise<Watch[]> {
  return withClient(database.pool, (client) =>
    inTransaction(client, limits, async () => {
      await client.query(before);
      const watches: Watch[] = [];
      for (const query of queries) {
        const walk = await DependencyWalk.begin(client);
        watches.push(await watchQuery(client, parseQueryTemplate(query), parameters, walk));
      }
      return watches;
    }),
  );
}

/** The names of the tables that are watched for one query, and why it is polled. */
async function look(
  query: string,
  before?: string,
): Promise<{ tables: string[]; polled: string | undefined }> {
  const [{ relations, polled }] = (await watch([query], before)) as [Watch];
  const { rows } = await database.pool.query<{ name: string }>(
    'SELECT oid::regclass::text AS name FROM unnest($1::oid[]) AS oid ORDER BY 1',
    [relations],
  );
  return { tables: rows.map(({ name }) => name), polled };
}

describe('what a query depends on', () => {
  it.each([
    ['a table', 'SELECT * FROM users', ['users']],
    ['a join', 'SELECT u.* FROM users u LEFT JOIN groups g ON g.id = u.id', ['groups', 'users']],
    ['a subquery', 'SELECT * FROM users WHERE id IN (SELECT owner FROM groups)', ['groups', 'users']],
    ['a CTE', 'WITH g AS (SELECT * FROM groups) SELECT * FROM users, g', ['groups', 'users']],
    ['a view over a view', 'SELECT * FROM owners_again', ['groups', 'users']],
    ['a parameter whose NULL leaves nothing to read', 'SELECT * FROM users WHERE id = ANY (:ids)', ['users']],
    ['a parameter that is used twice', 'SELECT * FROM users WHERE site = :site OR :site IS NULL', ['users']],
    ['a partitioned table', 'SELECT * FROM events', ['events', 'events_new', 'events_old']],
    ['one partition', 'SELECT * FROM events_old', ['events', 'events_old']],
    [
      'a partition that a parameter chooses',
      'SELECT * FROM events WHERE at = :day',
      ['events', 'events_new', 'events_old'],
    ],
    [
      'a partition that the planner leaves out',
      `SELECT * FROM events WHERE at < '2020-06-01'`,
      ['events', 'events_new', 'events_old'],
    ],
    ['a parent', 'SELECT * FROM animals', ['animals', 'cats']],
    ['a child', 'SELECT * FROM cats', ['animals', 'cats']],
    ['odd names', 'SELECT * FROM "Odd ""schema"."now("', ['"Odd ""schema"."now("']],
    ['no table', 'SELECT 1 AS id', []],
    ['a function that is inlined', 'SELECT * FROM users WHERE inlined(id)', ['users']],
    ['an immutable function', 'SELECT pure(id) FROM users', ['users']],
    [
      'functions of settings that are pinned',
      `SELECT to_char(born, 'YYYY'), date_trunc('day', born) FROM users`,
      ['users'],
    ],
    [
      'aggregates and windows',
      'SELECT count(*), rank() OVER (ORDER BY site) FROM users GROUP BY site',
      ['users'],
    ],
    ['texts that look like calls', `SELECT 'now()', E'\\'random()', 'CURRENT_DATE' FROM users`, ['users']],
    ['texts that look like clocks', `SELECT * FROM users WHERE site = 'now'`, ['users']],
    ['comments that look like calls', 'SELECT * FROM users -- now()\n/* random() */', ['users']],
    ['a date that is written out', `SELECT * FROM users WHERE born < '2020-01-01'::date`, ['users']],
    ['operators and a limit', 'SELECT id % 2 FROM users LIMIT 5', ['users']],
    ['the type of a value', 'SELECT pg_typeof(id)::text FROM users', ['users']],
    [
      'rows as JSON, and a subquery as an array',
      `SELECT to_jsonb(users)->>'site', ARRAY(SELECT id FROM groups) FROM users`,
      ['groups', 'users'],
    ],
    ['a series', 'SELECT * FROM generate_series(1, 3), users', ['users']],
  ])('is found for %s', async (_, query, tables) => {
    expect(await look(query)).toEqual({ tables: tables.toSorted(), polled: undefined });
  });

  it.each([
    ['now()', 'SELECT * FROM users WHERE born < now()', 'it calls now()'],
    ['a clock in a view', 'SELECT * FROM (SELECT CURRENT_DATE AS today) AS t', 'it asks for CURRENT_DATE'],
    ['age() of one date', 'SELECT age(born) FROM users', 'it asks for CURRENT_DATE'],
    ['random()', 'SELECT id, random() FROM users', 'it calls random()'],
    [
      'a clock behind a parameter',
      'SELECT * FROM users WHERE id = ANY (:ids) AND born < now()',
      'it calls now()',
    ],
    [
      'a function that PostgreSQL does not look into',
      'SELECT * FROM users WHERE hidden(id)',
      'it calls hidden()',
    ],
    ['a materialized view', 'SELECT * FROM frozen', 'it reads the materialized view frozen'],
    ['a catalogue', 'SELECT relname FROM pg_class', 'it reads the catalogue pg_class'],
    ['a clock in a text', `SELECT * FROM users WHERE born < 'today'::date`, `it asks for 'today'`],
    [
      'a clock behind a name with a quote in it',
      `SELECT * FROM odd WHERE ("it's" < now()) OR note = 'x'`,
      'it calls now()',
    ],
    ['random() in a LIMIT', 'SELECT * FROM users LIMIT random() * 5', 'it calls random()'],
    [
      'random() in a part of the plan that a parameter prunes',
      'SELECT * FROM events WHERE at = :day AND random() < 0.5',
      'it calls random()',
    ],
    ['a sample', 'SELECT * FROM users TABLESAMPLE bernoulli (50)', 'it takes a sample of a table'],
    [
      'the state of transactions',
      'SELECT pg_current_snapshot()::text AS id',
      'it calls pg_current_snapshot()',
    ],
    ['the same by an old name', 'SELECT txid_current()::text AS id', 'it calls txid_current()'],
    ['settings of the server', 'SELECT name FROM pg_settings', 'it reads the catalogue pg_settings'],
    [
      'a function that reads a table by its name',
      `SELECT table_to_xml('users', true, true, '')::text AS id FROM groups`,
      'it calls table_to_xml()',
    ],
    [
      'a function in C that runs any query, as crosstab() does',
      `SELECT run_query('SELECT * FROM users', true, true, '')::text AS id`,
      'it calls run_query()',
    ],
    [
      'an operator that hides a query',
      'SELECT * FROM users WHERE site #@# id > 0',
      'it uses the operator #@#, which calls counted()',
    ],
    ['a sequence', 'SELECT last_value AS id FROM counter', 'it reads the sequence counter'],
    [
      'a table that a crash empties',
      'SELECT * FROM scratch',
      'it reads the unlogged table scratch, which a crash empties',
    ],
    [
      'a table of the information schema',
      'SELECT * FROM information_schema.sql_features',
      'it reads the catalogue information_schema.sql_features',
    ],
    [
      "central's own record of changes",
      'SELECT relation FROM rivulet.changed_tables',
      'it reads changed_tables, where central keeps its own record of changes',
    ],
  ])('is not all that changes it, with %s', async (_, query, reason) => {
    expect((await look(query)).polled).toBe(reason);
  });

  it('is found for each query of a transaction alone', async () => {
    const [users, groups] = await watch(['SELECT * FROM users', 'SELECT * FROM groups']);
    expect(users!.relations).toHaveLength(1);
    expect(groups!.relations).toHaveLength(1);
    expect(users!.relations).not.toEqual(groups!.relations);
  });

  it('has nothing of what the transaction has read before', async () => {
    const before = 'SELECT FROM frozen LIMIT 0';
    expect(await look('SELECT * FROM users', before)).toEqual({ tables: ['users'], polled: undefined });
  });

  it.each(['SELECT id FROM users WHERE', 'SELECT * FROM nowhere'])(
    'is found after a query that PostgreSQL refuses: %s',
    async (refused) => {
      await withClient(database.pool, (client) =>
        inTransaction(client, limits, async () => {
          const walk = await DependencyWalk.begin(client);
          const refusal = watchQuery(client, parseQueryTemplate(refused), parameters, walk);
          await expect(refusal).rejects.toThrow(/./);
          const next = parseQueryTemplate('SELECT * FROM users');
          expect((await watchQuery(client, next, parameters, walk)).relations).toHaveLength(1);
        }),
      );
    },
  );
});
