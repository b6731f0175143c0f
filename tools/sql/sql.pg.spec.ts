import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';

describe('npm run sql', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    await database.pool.query(`
      CREATE TABLE items (id bigint PRIMARY KEY, name text, weight numeric, tags jsonb, sold boolean);
      INSERT INTO items VALUES (1, 'Tea', 0.50, '["hot"]', true), (22, E'two\\nlines', NULL, NULL, false)`);
  });
  afterAll(() => database.drop());

  async function run(...argv: string[]): Promise<{ code: number; output: string; errors: string }> {
    const child = spawn(process.execPath, [join('dist', 'tools', 'sql', 'main.js'), ...argv], {
      env: { PATH: process.env['PATH'], EDGE_DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ]);
    return { code, output, errors };
  }

  it('shows rows as a table with their number', async () => {
    expect(await run('edge', 'SELECT * FROM items ORDER BY id')).toEqual({
      code: 0,
      output:
        'id │ name       │ weight │ tags    │ sold\n' +
        '───┼────────────┼────────┼─────────┼─────\n' +
        ' 1 │ Tea        │   0.50 │ ["hot"] │ t\n' +
        '22 │ two\\nlines │   NULL │ NULL    │ f\n' +
        '(2 rows)\n',
      errors: '',
    });
  });

  it('shows every result of several statements, and notices on standard error', async () => {
    const statements = `DO $$ BEGIN RAISE NOTICE 'busy'; END $$;
      UPDATE items SET sold = true; DELETE FROM items WHERE id > 99 RETURNING id; SELECT 1 AS one`;
    expect(await run('edge', statements)).toEqual({
      code: 0,
      output: 'DO\nUPDATE 2\nid\n──\n(0 rows)\nDELETE 0\none\n───\n  1\n(1 row)\n',
      errors: 'NOTICE: busy\n',
    });
  });

  it('prints rows as JSON, with numbers that JSON cannot hold as text', async () => {
    const { output } = await run(
      'edge',
      '--json',
      'SELECT id, weight, tags, id = 1 AS first FROM items WHERE id = 1',
    );
    expect(JSON.parse(output)).toEqual([{ id: '1', weight: '0.50', tags: ['hot'], first: true }]);
    expect((await run('edge', 'SET work_mem = 64', '--json')).output).toBe(
      '{"command":"SET","rowCount":null}\n',
    );
  });

  it('points at the place of a mistake in the statement', async () => {
    expect(await run('edge', "SELECT 'ü',\n  prize FROM items")).toEqual({
      code: 1,
      output: '',
      errors: 'ERROR: column "prize" does not exist\nLINE 2:   prize FROM items\n          ^\n',
    });
  });

  it('says what to do when the app has no database here, or it does not answer', async () => {
    const none = await run('central', 'SELECT 1');
    expect([none.code, none.errors]).toEqual([
      1,
      'Rivulet is not running here: start it with npm start in another terminal, or set CENTRAL_DATABASE_URL.\n',
    ]);
  });
});
