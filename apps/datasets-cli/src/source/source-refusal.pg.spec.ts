import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { runDatasetsTool } from '../../test/run-datasets-tool';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

describe('a command whose database refuses it', () => {
  it('says that nothing is there', async () => {
    const { code, errors } = await runDatasetsTool('postgresql://127.0.0.1:1/nowhere', ['check']);
    expect(code).toBe(1);
    expect(errors).toBe(
      'PostgreSQL at 127.0.0.1:1 is unreachable (ECONNREFUSED).\n' +
        'Start it, or correct host and port in CENTRAL_DATABASE_URL.\n',
    );
  });

  it.each([
    [
      'has no such database',
      { pathname: '/nosuch' },
      /^The database "nosuch" does not exist at ADDRESS\.\nCreate it, or correct the name in CENTRAL_DATABASE_URL: /,
    ],
    [
      'refuses the user',
      { username: 'nobody' },
      /^PostgreSQL at ADDRESS rejects the login: .+"nobody".*\.\nCorrect user and password in CENTRAL_DATABASE_URL\.\n$/,
    ],
    [
      'refuses the password',
      { password: 'wrong' },
      /^PostgreSQL at ADDRESS rejects the login: password authentication failed for user ".+"\.\nCorrect user and /,
    ],
    [
      'asks for a password',
      { password: '' },
      /^PostgreSQL at ADDRESS requires a password, and CENTRAL_DATABASE_URL has none\.\nAdd it to the URL: /,
    ],
  ])('says that PostgreSQL %s', async (_, change, message) => {
    const url = Object.assign(new URL(database.url), change);
    for (const argv of [['init'], ['check'], ['explain'], ['preview', '--mac', '48:b0:2d:e9:c3:b7']]) {
      const { code, output, errors } = await runDatasetsTool(url.href, argv);
      expect([code, output]).toEqual([1, '']);
      expect(errors.replaceAll(url.host, 'ADDRESS')).toMatch(message);
    }
  });

  it('says that the role may not connect', async () => {
    const name = new URL(database.url).pathname.slice(1);
    const role = `${name}_guest`;
    await database.pool.query(`
      CREATE ROLE ${role} LOGIN PASSWORD 'guest';
      REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);
    try {
      const url = Object.assign(new URL(database.url), { username: role, password: 'guest' });
      const { code, errors } = await runDatasetsTool(url.href, ['check']);
      expect([code, errors]).toEqual([
        1,
        `PostgreSQL at ${url.host} rejects this: permission denied for database "${name}".\n` +
          'Grant it to the role in CENTRAL_DATABASE_URL, or use a different role there.\n',
      ]);
    } finally {
      await database.pool.query(`DROP ROLE ${role}`);
    }
  });
});
