import { Readable } from 'node:stream';
import { RivuletError } from '@rivulet/errors';
import { schemaFingerprint, type ManifestTable } from '@rivulet/protocol';
import { inTransaction, withClient } from '@rivulet/postgres';
import { createTestDatabase, ordinary, type TestDatabase } from '@rivulet/testing';
import type { ClientBase } from 'pg';
import { loadAsEdge } from '../../test/load-as-edge';
import { mirrorFingerprint } from '../catalogue/mirror-catalogue';
import { createMissingIndexes } from '../indexes/mirror-indexes';

const limits = { statementTimeoutMs: 20_000, lockTimeoutMs: 10_000, idleTimeoutMs: 10_000 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

beforeEach(() => database.pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));

afterAll(() => database.drop());

/** A table of a manifest: `id bigint, name text`, unless said otherwise. */
function tableOf(change: Partial<ManifestTable> = {}): ManifestTable {
  const table = {
    name: 'users',
    ...ordinary,
    table: 'users',
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'name', type: 'text' },
    ],
    key: ['id'],
    indexes: [],
    rows: 0,
    bytes: 0,
    checksum: '',
    ...change,
  };
  return { ...table, fingerprint: schemaFingerprint(table) };
}

function transaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(database.pool, (client) => inTransaction(client, limits, () => work(client)));
}

/** Fills the mirror with canonical rows; returns how it was made ready for them. */
function load(table: ManifestTable, ...lines: string[]): Promise<string> {
  return transaction(async (client) => {
    const content = Readable.from(lines.map((line) => Buffer.from(`${line}\n`)));
    return (await loadAsEdge(client, table, content)).preparation;
  });
}

async function select(query: string): Promise<unknown[]> {
  return (await database.pool.query<Record<string, unknown>>(query)).rows;
}

async function refusalOf(work: Promise<unknown>): Promise<RivuletError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof RivuletError) return error;
  throw new Error('It was not refused.', { cause: error });
}

describe('a mirror', () => {
  it('is made with the columns of the manifest, its key and its mark', async () => {
    const table = tableOf({
      columns: [
        { name: 'b', type: 'text' },
        { name: 'a', type: 'numeric(10,2)' },
        { name: 'c', type: 'timestamp(3) with time zone[]' },
      ],
      key: ['b', 'a'],
    });
    expect(await load(table, 'x\t1.50\t\\N')).toBe('created');
    expect(await select('TABLE users')).toEqual([{ b: 'x', a: '1.50', c: null }]);
    const [facts] = await select(`
      SELECT obj_description('users'::regclass) AS comment, pg_get_constraintdef(oid) AS key,
             (SELECT array_agg(attname || ' ' || attnotnull || ' ' || coalesce(attcollation::regcollation::text, ''))
              FROM pg_attribute WHERE attrelid = conrelid AND attnum > 0) AS columns
      FROM pg_constraint WHERE conrelid = 'users'::regclass AND contype = 'p'`);
    expect(facts).toEqual({
      comment: 'Rivulet mirror of dataset users',
      key: 'PRIMARY KEY (b, a)',
      columns: ['b true "C"', 'a true -', 'c false -'],
    });
  });

  it('is emptied and filled when it has the columns of the manifest', async () => {
    await load(tableOf(), '1\tAda', '2\tBob');
    const [before] = await select(`SELECT 'users'::regclass::oid AS oid`);
    expect(await load(tableOf(), '3\tCyd')).toBe('emptied');
    expect(await select('TABLE users')).toEqual([{ id: '3', name: 'Cyd' }]);
    expect(await select(`SELECT 'users'::regclass::oid AS oid`)).toEqual([before]);
  });

  it.each<[string, Partial<ManifestTable>]>([
    ['a column more', { columns: [...tableOf().columns, { name: 'age', type: 'integer' }] }],
    ['a column fewer', { columns: tableOf().columns.slice(0, 1) }],
    ['a renamed column', { columns: [tableOf().columns[0]!, { name: 'full_name', type: 'text' }] }],
    ['another type', { columns: [tableOf().columns[0]!, { name: 'name', type: 'character varying(9)' }] }],
    ['another order', { columns: tableOf().columns.toReversed(), key: ['name'] }],
    ['another key', { key: ['id', 'name'] }],
  ])('is made again for %s', async (_, change) => {
    await load(tableOf(), '1\tAda');
    const changed = tableOf(change);
    expect(await load(changed)).toBe('rebuilt');
    expect(await select('TABLE users')).toEqual([]);
    expect(await transaction((client) => mirrorFingerprint(client, changed))).toBe(changed.fingerprint);
  });

  it.each([
    ['has lost its primary key', 'ALTER TABLE users DROP CONSTRAINT users_pkey'],
    ['was given a column', 'ALTER TABLE users ADD COLUMN note text'],
    ['was given another type', 'ALTER TABLE users ALTER COLUMN name TYPE varchar(50)'],
  ])('is made again when on the device it %s', async (_, change) => {
    await load(tableOf(), '1\tAda');
    await database.pool.query(change);
    expect(await transaction((client) => mirrorFingerprint(client, tableOf()))).not.toBe(
      tableOf().fingerprint,
    );
    expect(await load(tableOf(), '2\tBob')).toBe('rebuilt');
    expect(await select('TABLE users')).toEqual([{ id: '2', name: 'Bob' }]);
  });

  it('follows its dataset to another name', async () => {
    await load(tableOf(), '1\tAda');
    expect(await load(tableOf({ name: 'people' }), '2\tBob')).toBe('emptied');
    const comment = await select(`SELECT obj_description('users'::regclass) AS comment`);
    expect(comment).toEqual([{ comment: 'Rivulet mirror of dataset people' }]);
  });

  it('has no fingerprint when it is not there', async () => {
    expect(await transaction((client) => mirrorFingerprint(client, tableOf()))).toBeUndefined();
  });
});

describe('a name that is not free', () => {
  it.each([
    ['a table', 'CREATE TABLE users (id bigint PRIMARY KEY, name text)'],
    ['a table with another comment', `CREATE TABLE users (id int); COMMENT ON TABLE users IS 'ours'`],
    ['a view', 'CREATE VIEW users AS SELECT 1 AS id'],
    ['a materialized view', 'CREATE MATERIALIZED VIEW users AS SELECT 1 AS id'],
    ['a domain', 'CREATE DOMAIN users AS text'],
    ['an enum', `CREATE TYPE users AS ENUM ('a')`],
    ['a type', 'CREATE TYPE users AS RANGE (subtype = bigint)'],
    [
      'a view with the mark of a mirror',
      `CREATE VIEW users AS SELECT 1 AS id; COMMENT ON VIEW users IS 'Rivulet mirror of dataset users'`,
    ],
    ['a partitioned table', 'CREATE TABLE users (id int) PARTITION BY HASH (id)'],
    ['a sequence', 'CREATE SEQUENCE users'],
    ['an index', 'CREATE TABLE others (id int); CREATE INDEX users ON others (id)'],
    ['a composite type', 'CREATE TYPE users AS (id int)'],
  ])('because %s has it is left alone', async (what, statement) => {
    await database.pool.query(statement);
    const before = await select(`SELECT oid, relkind, relfilenode FROM pg_class WHERE relname = 'users'`);
    const error = await refusalOf(load(tableOf(), '1\tAda'));
    expect(error.code).toBe('MIRROR_TABLE_CONFLICT');
    expect(error.message).toBe(
      `Dataset users needs the name users, which belongs to ${what.replace(/ with .*/, '')} that Rivulet did not create.`,
    );
    expect(await select(`SELECT oid, relkind, relfilenode FROM pg_class WHERE relname = 'users'`)).toEqual(
      before,
    );
    expect(await transaction((client) => mirrorFingerprint(client, tableOf()))).toBeUndefined();
  });

  it('is free where only an array type has it', async () => {
    await database.pool.query('CREATE TYPE mood AS ENUM ()');
    const table = tableOf({ name: '_mood', table: '_mood' });
    expect(await load(table, '1\tAda')).toBe('created');
  });

  it('is free in the schema of mirrors if only another schema has it', async () => {
    await database.pool.query('CREATE SCHEMA app; CREATE TABLE app.users (id int)');
    expect(await load(tableOf(), '1\tAda')).toBe('created');
    expect(await select('TABLE public.users')).toHaveLength(1);
    expect(await select('TABLE app.users')).toEqual([]);
  });
});

describe('a type that this server does not have', () => {
  it.each([
    'hstore',
    'ext.label',
    'no_such_type',
    'bigint); DROP TABLE canary; --',
    'bigint, evil text',
    'bigint DEFAULT 1',
    'bigint/**/',
    'bigint\n',
    'text COLLATE "C"',
    'serial',
    'setof bigint',
    'record',
    'trigger',
    'canary',
    '"bigint',
    '"a"b"',
    'select',
    'character varying(0)',
    'numeric(1001,0)',
    'bigint[][]; --',
    "interval '1 day'",
    '',
  ])('is refused by name: %j', async (type) => {
    await database.pool.query('CREATE TABLE canary (id int)');
    const columns = [
      { name: 'id', type: 'bigint' },
      { name: 'odd', type },
    ];
    const error = await refusalOf(load(tableOf({ columns })));
    expect(error.code).toBe('SCHEMA_UNSUPPORTED');
    expect(error.message).toContain(`This edge's PostgreSQL cannot hold table users: `);
    expect(await select('TABLE canary')).toEqual([]);
    expect(await select(`SELECT to_regclass('public.users') AS made`)).toEqual([{ made: null }]);
  });

  it('is named together with all others', async () => {
    const columns = [
      { name: 'id', type: 'bigint' },
      { name: 'tags', type: 'hstore' },
      { name: 'place', type: 'geometry(Point,4326)' },
    ];
    const { message } = await refusalOf(load(tableOf({ columns })));
    expect(message).toBe(
      `This edge's PostgreSQL cannot hold table users: ` +
        'column tags of type hstore, column place of type geometry(Point,4326).',
    );
  });
});

async function indexes(): Promise<string[]> {
  const rows = await select(
    `SELECT regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', '') AS index FROM pg_index
     WHERE indrelid = to_regclass('users') ORDER BY indexrelid`,
  );
  return rows.map((row) => (row as { index: string }).index);
}

describe('the indexes of a mirror', () => {
  const table = tableOf({
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'name', type: 'text' },
      { name: 'Odd "name"', type: 'date' },
    ],
    indexes: [['name'], ['Odd "name"', 'name'], ['name'], ['id']],
  });

  const plain = { ...table, indexes: [] };

  const own = ['btree (id)', 'btree (name)', 'btree ("Odd ""name""", name)'];

  it('are made once, and the key needs none', async () => {
    await load(table);
    for (let time = 0; time < 2; time++)
      await transaction((client) => createMissingIndexes(client, table.indexes, 'users', table));
    expect(await indexes()).toEqual(own);
    await load(table, '1\tAda\t2026-01-01');
    await transaction((client) => createMissingIndexes(client, table.indexes, 'users', table));
    expect(await indexes()).toEqual(own);
  });

  it('of an application on the device stay', async () => {
    await load(plain);
    await database.pool.query('CREATE UNIQUE INDEX app_index ON users (lower(name)) WHERE id > 0');
    await load(plain, '1\tAda\t\\N');
    expect(await indexes()).toEqual(['btree (id)', 'btree (lower(name)) WHERE (id > 0)']);
  });

  it('are not made where an application has made the same', async () => {
    await load(plain);
    await database.pool.query('CREATE INDEX app_index ON users (name)');
    await transaction((client) => createMissingIndexes(client, table.indexes, 'users', table));
    expect(await indexes()).toEqual(own);
  });

  it.each([
    'CREATE INDEX app_index ON users (name) WHERE id > 0',
    'CREATE INDEX app_index ON users (name, lower(name))',
    'CREATE INDEX app_index ON users ("Odd ""name""") INCLUDE (name)',
  ])('are made where an application has made one that does less: %s', async (statement) => {
    await load(plain);
    await database.pool.query(statement);
    await transaction((client) => createMissingIndexes(client, table.indexes, 'users', table));
    expect(await indexes()).toEqual(expect.arrayContaining(own));
  });

  it('are nothing to do for a manifest without any', async () => {
    await load(tableOf());
    await transaction((client) => createMissingIndexes(client, [], 'users', tableOf()));
    expect(await indexes()).toEqual(['btree (id)']);
  });
});
