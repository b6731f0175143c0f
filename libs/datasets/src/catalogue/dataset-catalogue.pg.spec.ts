import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import { createPool } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DatasetCatalogue } from './dataset-catalogue';

let database: TestDatabase;
let folder: string;
let path: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rivulet-datasets-'));
  path = join(folder, 'datasets.yaml');
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TYPE kind AS ENUM ('door', 'gate');
    CREATE DOMAIN mac AS character varying(17);
    CREATE TABLE devices (id bigint PRIMARY KEY, mac_address mac, is_active boolean, state text, group_ids uuid[]);
    CREATE TABLE users (
      id bigint PRIMARY KEY, email text, full_name varchar(80), kind kind, owner regrole, doc json, settings jsonb,
      salary numeric(10,2), valid daterange
    )`);
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

function load(source: string, pool = database.pool): Promise<DatasetCatalogue> {
  writeFileSync(path, source);
  return DatasetCatalogue.load(path, pool);
}

/** What is said of the file, without the folder that it is in. */
async function refusalOf(source: string, pool = database.pool): Promise<string> {
  const error = await load(source, pool).catch((thrown: unknown) => thrown);
  if (error instanceof RivuletError && error.code === 'DATASETS_FILE_INVALID') {
    return error.message.replaceAll(`${folder}/`, '');
  }
  throw new Error('It was not refused as it should be.', { cause: error });
}

function withScope(...query: string[]): string {
  return `version: 1
scope:
  query: |
    ${query.join('\n    ')}
datasets:
  - name: users
    key: [id]
    query: SELECT id FROM users
`;
}

/** A file with one dataset, whose query begins at line 10, column 7. */
function withQuery(query: string, more = '', key = '[id]'): string {
  return `version: 1
scope:
  query: |
    SELECT id AS device_id, group_ids FROM devices WHERE mac_address = :mac_address
datasets:
  - name: users
    key: ${key}
    ${more}
    query: |
      ${query.replaceAll('\n', '\n      ')}
`;
}

describe('a datasets file that PostgreSQL has described', () => {
  it('gives each dataset its columns, the key first, with the types that they have on the edge', async () => {
    const { scope, datasets, schemaVersion } = await load(
      withQuery(
        'SELECT u.email, u.kind, u.id, u.salary, u.valid FROM users u WHERE u.id = ANY (ARRAY[:device_id])',
        'indexes: [[email], [kind, email]]',
        '[id, email]',
      ),
    );
    expect([...scope.columns]).toEqual([
      ['device_id', { type: 'bigint', value: null }],
      ['group_ids', { type: 'uuid[]', value: null }],
    ]);
    expect(datasets.map((dataset) => dataset.schema)).toEqual([
      {
        name: 'users',
        table: 'users',
        key: ['id', 'email'],
        indexes: [['email'], ['kind', 'email']],
        schema: 'public',
        grants: [],
        onRemove: 'keep',
        columns: [
          { name: 'id', type: 'bigint' },
          { name: 'email', type: 'text' },
          { name: 'kind', type: 'text' },
          { name: 'salary', type: 'numeric(10,2)' },
          { name: 'valid', type: 'daterange' },
        ],
      },
    ]);
    expect(schemaVersion).toMatch(/^[0-9a-f]{64}$/);
  });

  it('may have a key of any type whose order is the same everywhere, and an index of any that is sorted', async () => {
    const query = 'SELECT id, kind, valid, ARRAY[email] AS emails, settings FROM users';
    await expect(
      load(withQuery(query, 'indexes: [[settings, id]]', '[kind, valid, emails, id]')),
    ).resolves.toBeInstanceOf(DatasetCatalogue);
  });

  it('is described without a change to the database', async () => {
    const query = `SELECT id FROM users WHERE set_config('rivulet.test', 'x', false) = 'x' AND nextval('s') > 0`;
    await database.pool.query('CREATE SEQUENCE s');
    await load(withQuery(query));
    expect((await database.pool.query('SELECT is_called FROM s')).rows).toEqual([{ is_called: false }]);
  });
});

describe('a mistake in the scope query', () => {
  it.each([
    [
      'a syntax error',
      ['SELECT id AS device_id', 'FORM devices WHERE mac_address = :mac_address'],
      '5:5: PostgreSQL refuses the scope query: syntax error at or near "FORM".',
    ],
    [
      'a parameter that it is not given',
      ['SELECT id AS device_id FROM devices', 'WHERE mac_address = :mac'],
      '5:25: the scope query uses :mac; the only parameter that it is given is :mac_address.',
    ],
    [
      'no parameter',
      ['SELECT id AS device_id FROM devices'],
      '4:5: the scope query does not use :mac_address, so every device would get the same rows; compare its MAC address with it.',
    ],
    [
      'no device_id',
      ['SELECT id, state FROM devices WHERE mac_address = :mac_address'],
      '4:5: the scope query must return a column device_id; it returns id, state. ' +
        'Give what identifies a device that name: SELECT … AS device_id.',
    ],
    [
      'a column twice',
      ['SELECT id AS device_id, state, state', 'FROM devices WHERE mac_address = :mac_address'],
      '4:5: the scope query returns column state twice; give one of them another name with AS.',
    ],
    [
      'an is_active that is not boolean',
      ['SELECT id AS device_id, state AS is_active FROM devices', 'WHERE mac_address = :mac_address'],
      '4:5: is_active of the scope query is of type text; it must be boolean.',
    ],
  ])('is found: %s', async (_, query, message) => {
    expect(await refusalOf(withScope(...query))).toBe(`datasets.yaml:${message}`);
  });
});

describe('a mistake in the query of a dataset', () => {
  it.each([
    [
      'a syntax error',
      'SELECT id\nFORM users',
      '11:12: PostgreSQL refuses the query of dataset users: syntax error at or near "users".',
    ],
    [
      'an unknown table',
      'SELECT id\nFROM people',
      '11:12: PostgreSQL refuses the query of dataset users: relation "people" does not exist; ' +
        'name it as PostgreSQL knows it, with its schema.',
    ],
    [
      'an unknown column, behind a parameter',
      'SELECT u.id, :device_id AS d,\n  u.emial\nFROM users u',
      '11:9: PostgreSQL refuses the query of dataset users: column u.emial does not exist. ' +
        'Perhaps you meant to reference the column "u.email".',
    ],
    [
      'a parameter of another type than the column',
      'SELECT id FROM users\nWHERE id = :group_ids',
      '11:16: PostgreSQL refuses the query of dataset users: operator does not exist: bigint = uuid[]. ' +
        'No operator matches the given name and argument types. You might need to add explicit type casts. ' +
        'A column is compared with all values of an array by = ANY (:name).',
    ],
    [
      'an end that comes too early',
      'SELECT id\nFROM users WHERE',
      '11:23: PostgreSQL refuses the query of dataset users: ' +
        'syntax error at its end; it is not complete, or has a parenthesis too many.',
    ],
    [
      'a query that writes',
      'DELETE FROM users RETURNING id',
      '10:14: PostgreSQL refuses the query of dataset users: syntax error at or near "FROM".',
    ],
    [
      'an unknown parameter',
      'SELECT id FROM users\nWHERE id = :device_id AND email = :emial',
      '11:41: dataset users uses :emial, which the scope query does not return; it returns :device_id, :group_ids.',
    ],
    [
      'the parameter of the scope query',
      'SELECT id FROM users WHERE email = :mac_address',
      '10:42: dataset users uses :mac_address, which the scope query does not return; it returns :device_id, :group_ids.',
    ],
    [
      'a column twice',
      'SELECT id, email, email FROM users',
      '10:7: the query of dataset users returns column email twice; give one of them another name with AS.',
    ],
    [
      'two columns without a name',
      'SELECT id, 1, 2 FROM users',
      '10:7: the query of dataset users returns column ?column? twice; give one of them another name with AS.',
    ],
    [
      'a type that is not carried',
      'SELECT id, owner FROM users',
      '10:7: dataset users has column owner, and its type regrole cannot be carried exactly; ' +
        'cast it in the query, for example to text.',
    ],
    [
      'a whole row in one column',
      'SELECT id, u FROM users u',
      '10:7: dataset users has column u, and its type users cannot be carried exactly; ' +
        'cast it in the query, for example to text.',
    ],
    [
      'a name that every table has already',
      'SELECT id, ctid::text FROM users',
      '10:7: dataset users has column ctid, a name that PostgreSQL keeps for itself; give it another with AS.',
    ],
  ])('is found: %s', async (_, query, message) => {
    expect(await refusalOf(withQuery(query))).toBe(`datasets.yaml:${message}`);
  });

  it('is found: a table that central may not read', async () => {
    const role = `clerk_${randomBytes(6).toString('hex')}`;
    await database.pool.query(`CREATE ROLE ${role}; GRANT SELECT ON devices TO ${role}`);
    const url = `${database.url}?options=-c%20role%3D${role}`;
    const asClerk = createPool({ url, applicationName: 'test', maxConnections: 1 });
    try {
      expect(await refusalOf(withQuery('SELECT id FROM users'), asClerk)).toBe(
        'datasets.yaml:10:7: PostgreSQL refuses the query of dataset users: permission denied for table users; ' +
          `let its owner run: GRANT SELECT ON users TO ${role}.`,
      );
    } finally {
      await asClerk.end();
      await database.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});

describe('a mistake in a key or an index', () => {
  it.each([
    [
      'a key column that the query does not return',
      withQuery('SELECT id, email FROM users', '', '[id, emial]'),
      '7:15: dataset users names column emial in its key, which its query does not return; it returns id, email. ' +
        'Did you mean email?',
    ],
    [
      'a key of a query that returns nothing',
      withQuery('SELECT FROM users'),
      '7:11: dataset users names column id in its key, which its query does not return; it returns nothing.',
    ],
    [
      'an indexed column that the query does not return',
      withQuery('SELECT id FROM users', 'indexes: [[id], [email]]'),
      '8:22: dataset users names column email in its index, which its query does not return; it returns id.',
    ],
    [
      'a key that PostgreSQL does not sort',
      withQuery('SELECT doc FROM users', '', '[doc]'),
      '7:11: dataset users names column doc in its key, and PostgreSQL does not sort json; ' +
        'leave it out, or cast it in the query.',
    ],
    [
      'an index that PostgreSQL does not sort',
      withQuery('SELECT id, doc FROM users', 'indexes: [[doc]]'),
      '8:16: dataset users names column doc in its index, and PostgreSQL does not sort json; ' +
        'leave it out, or cast it in the query.',
    ],
    [
      'a key whose order depends on the database',
      withQuery('SELECT settings FROM users', '', '[settings]'),
      '7:11: dataset users names column settings in its key, and databases sort jsonb in different ways; ' +
        'leave it out, or cast it in the query.',
    ],
  ])('is found: %s', async (_, source, message) => {
    expect(await refusalOf(source)).toBe(`datasets.yaml:${message}`);
  });
});

describe('a file that cannot be read', () => {
  it('is named, with the reason and the variable', async () => {
    const error = await DatasetCatalogue.load(join(folder, 'nowhere.yaml'), database.pool).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'DATASETS_FILE_INVALID',
      message: `The datasets file ${folder}/nowhere.yaml cannot be read (ENOENT).`,
      nextStep: 'Set CENTRAL_DATASETS_FILE to the path of a readable file.',
    });
  });
});
