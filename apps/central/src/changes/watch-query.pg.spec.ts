import { inTransaction, withClient } from '@rivulet/postgres';
import { parseQueryTemplate, type Parameters } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { watchQuery, type Watch } from './watch-query';

const limits = { readOnly: true, statementTimeoutMs: 10_000, lockTimeoutMs: 5_000, idleTimeoutMs: 10_000 };
const parameters: Parameters = new Map([
  ['ids', { type: 'integer[]', value: null }],
  ['site', { type: 'text', value: null }],
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
    CREATE FUNCTION pure(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END'`);
});

afterAll(() => database.drop());

async function watch(...queries: string[]): Promise<Watch[]> {
  return withClient(database.pool, (client) =>
    inTransaction(client, limits, async () => {
      const watches: Watch[] = [];
      for (const query of queries)
        watches.push(await watchQuery(client, parseQueryTemplate(query), parameters));
      return watches;
    }),
  );
}

/** The names of the tables that are watched for one query, and why it is polled. */
async function look(query: string): Promise<{ tables: string[]; polled: string | undefined }> {
  const [{ relations, polled }] = (await watch(query)) as [Watch];
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
  ])('is not all that changes it, with %s', async (_, query, reason) => {
    expect((await look(query)).polled).toBe(reason);
  });

  it('is found for each query of a transaction alone', async () => {
    const [users, groups] = await watch('SELECT * FROM users', 'SELECT * FROM groups');
    expect(users!.relations).toHaveLength(1);
    expect(groups!.relations).toHaveLength(1);
    expect(users!.relations).not.toEqual(groups!.relations);
  });
});
