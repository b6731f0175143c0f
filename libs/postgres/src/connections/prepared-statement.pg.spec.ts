import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { createPool, preparedStatement, withClient } from '../index';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const marked = preparedStatement('test of marked', 'SELECT $1::int + 1 AS next');

it('is parsed once by each connection, and answers as any other does', async () => {
  const pool = createPool({ url: database.url, applicationName: 'test', maxConnections: 1 });
  try {
    for (const value of [1, 2])
      expect((await pool.query(marked, [value])).rows).toEqual([{ next: value + 1 }]);
    await pool.query('SELECT $1::int AS other', [1]);
    await withClient(pool, async (client) => {
      await expect(client.query(marked, ['no number'])).rejects.toThrow('invalid input syntax');
      expect((await client.query(marked, [3])).rows).toEqual([{ next: 4 }]);
      const { rows } = await client.query('SELECT name, statement FROM pg_prepared_statements');
      expect(rows).toEqual([{ name: 'test of marked', statement: marked }]);
    });
  } finally {
    await pool.end();
  }
});

it('has a name of its own', () => {
  expect(preparedStatement('test of marked', marked)).toBe(marked);
  expect(() => preparedStatement('test of marked', 'SELECT 2')).toThrow(
    'Two statements are named test of marked.',
  );
});
