import { randomBytes } from 'node:crypto';
import { createPool } from '@rivulet/postgres';
import { CatalogueFixture, withQuery, withScope } from '../../test/catalogue-fixture';

let fixture: CatalogueFixture;

beforeAll(async () => {
  fixture = await CatalogueFixture.create();
});

afterAll(() => fixture.close());

describe('a mistake in the scope query', () => {
  it.each([
    [
      'a syntax error',
      ['SELECT id AS device_id', 'FORM devices WHERE mac_address = :mac_address'],
      '5:5: PostgreSQL rejects the scope query: syntax error at or near "FORM".',
    ],
    [
      'a parameter that it is not given',
      ['SELECT id AS device_id FROM devices', 'WHERE mac_address = :mac'],
      '5:25: the scope query uses :mac; its parameters are :mac_address, :device_id, :device_name. Did you mean mac_address?',
    ],
    [
      'no parameter',
      ['SELECT id AS device_id FROM devices'],
      '4:5: the scope query uses none of its parameters, so every device would get the same rows; add a condition on :mac_address.',
    ],
    [
      'no device_id',
      ['SELECT id, state FROM devices WHERE mac_address = :mac_address'],
      '4:5: the scope query must return a column device_id; it returns id, state. ' +
        'Return the identifier of the device under that name: SELECT … AS device_id.',
    ],
    [
      'a column twice',
      ['SELECT id AS device_id, state, state', 'FROM devices WHERE mac_address = :mac_address'],
      '4:5: the scope query returns column state twice; rename one of them with AS.',
    ],
    [
      'an is_active that is not boolean',
      ['SELECT id AS device_id, state AS is_active FROM devices', 'WHERE mac_address = :mac_address'],
      '4:5: is_active of the scope query is of type text; it must be boolean.',
    ],
  ])('is found: %s', async (_, query, message) => {
    expect(await fixture.refusalOf(withScope(...query))).toBe(`datasets.yaml:${message}`);
  });
});

describe('a mistake in the query of a dataset', () => {
  it.each([
    [
      'a syntax error',
      'SELECT id\nFORM users',
      '11:12: PostgreSQL rejects the query of dataset users: syntax error at or near "users".',
    ],
    [
      'an unknown table',
      'SELECT id\nFROM people',
      '11:12: PostgreSQL rejects the query of dataset users: relation "people" does not exist; ' +
        'write the name with its schema.',
    ],
    [
      'an unknown column, behind a parameter',
      'SELECT u.id, :device_id AS d,\n  u.emial\nFROM users u',
      '11:9: PostgreSQL rejects the query of dataset users: column u.emial does not exist. ' +
        'Perhaps you meant to reference the column "u.email".',
    ],
    [
      'a parameter of another type than the column',
      'SELECT id FROM users\nWHERE id = :group_ids',
      '11:16: PostgreSQL rejects the query of dataset users: operator does not exist: bigint = uuid[]. ' +
        'No operator matches the given name and argument types. You might need to add explicit type casts. ' +
        'To compare a column with the values of an array, use = ANY (:name).',
    ],
    [
      'an end that comes too early',
      'SELECT id\nFROM users WHERE',
      '11:23: PostgreSQL rejects the query of dataset users: ' +
        'syntax error at the end of the query; it is incomplete, or has a closing parenthesis too many.',
    ],
    [
      'a query that writes',
      'DELETE FROM users RETURNING id',
      '10:14: PostgreSQL rejects the query of dataset users: syntax error at or near "FROM".',
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
      '10:7: the query of dataset users returns column email twice; rename one of them with AS.',
    ],
    [
      'two columns without a name',
      'SELECT id, 1, 2 FROM users',
      '10:7: the query of dataset users returns column ?column? twice; rename one of them with AS.',
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
      '10:7: dataset users has column ctid, which is a reserved name in PostgreSQL; rename it with AS.',
    ],
  ])('is found: %s', async (_, query, message) => {
    expect(await fixture.refusalOf(withQuery(query))).toBe(`datasets.yaml:${message}`);
  });

  it('is found: a table that central may not read', async () => {
    const role = `clerk_${randomBytes(6).toString('hex')}`;
    await fixture.database.pool.query(`CREATE ROLE ${role}; GRANT SELECT ON devices TO ${role}`);
    const url = `${fixture.database.url}?options=-c%20role%3D${role}`;
    const asClerk = createPool({ url, applicationName: 'test', maxConnections: 1 });
    try {
      expect(await fixture.refusalOf(withQuery('SELECT id FROM users'), asClerk)).toBe(
        'datasets.yaml:10:7: PostgreSQL rejects the query of dataset users: permission denied for table users; ' +
          `its owner can run: GRANT SELECT ON public.users TO ${role}.`,
      );
    } finally {
      await asClerk.end();
      await fixture.database.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
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
      '7:11: dataset users names column doc in its key, and PostgreSQL cannot sort json; ' +
        'leave it out, or cast it in the query.',
    ],
    [
      'an index that PostgreSQL does not sort',
      withQuery('SELECT id, doc FROM users', 'indexes: [[doc]]'),
      '8:16: dataset users names column doc in its index, and PostgreSQL cannot sort json; ' +
        'leave it out, or cast it in the query.',
    ],
    [
      'a key whose order depends on the database',
      withQuery('SELECT settings FROM users', '', '[settings]'),
      '7:11: dataset users names column settings in its key, and the sort order of jsonb differs between databases; ' +
        'leave it out, or cast it in the query.',
    ],
  ])('is found: %s', async (_, source, message) => {
    expect(await fixture.refusalOf(source)).toBe(`datasets.yaml:${message}`);
  });
});
