import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DEMO_MAC, SyncPair } from '../support/apps/sync-pair';

/** What is shown of a command that takes longer than a second here. */
const PROGRESS = /^.* ….*\n/gm;

interface Run {
  code: number | null;
  output: string;
  errors: string;
}

describe('npm run datasets, as a process of its own,', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-datasets-'));
  const file = join(directory, 'datasets.yaml');
  let source: TestDatabase;

  beforeAll(async () => {
    source = await createTestDatabase();
    await source.pool.query(`
      CREATE SCHEMA sales;
      CREATE TABLE public.items (id int PRIMARY KEY, name text);
      CREATE TABLE sales.items (shop text, no int, price numeric(6,2), PRIMARY KEY (shop, no));
      CREATE VIEW public.cheap AS SELECT * FROM sales.items WHERE price < 5;
      INSERT INTO public.items VALUES (1, 'Tea'), (2, 'Grüner Tee');
      INSERT INTO sales.items VALUES ('Köln', 1, 4.50), ('Köln', 2, 12.00), ('Oslo', 1, 3.00)`);
  });

  afterAll(async () => {
    await source.drop();
    rmSync(directory, { recursive: true });
  });

  async function run(...argv: string[]): Promise<Run> {
    const program = join('dist', 'apps', 'datasets-cli', 'src', 'main.js');
    const child = spawn(process.execPath, [program, ...argv], {
      env: { PATH: process.env['PATH'], CENTRAL_SOURCE_DATABASE_URL: source.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { code, output, errors: errors.replaceAll(PROGRESS, '') };
  }

  it('makes a file of two tables of one name and a view, and says how to go on', async () => {
    const made = await run('init', '--schema', 'public', '--schema', 'sales', '--out', file);
    expect([made.code, made.errors]).toEqual([0, '']);
    expect(made.output).toBe(
      `${file}: 2 datasets, 1 left out:\n` +
        '  cheap: a view has no primary key. Choose key columns in the file, or with --key.\n' +
        `Next: npm run datasets -- check --file ${file} --mac ${DEMO_MAC}\n`,
    );
    expect(readFileSync(file, 'utf8')).toContain(
      '  - name: sales_items\n    schema: sales\n    table: items\n    key: [shop, "no"]\n',
    );
  });

  it('prints the file alone on standard output, where it may be redirected to a file', async () => {
    const printed = await run('init', '--schema', 'public', '--schema', 'sales');
    expect(printed.code).toBe(0);
    expect(printed.output).toBe(readFileSync(file, 'utf8').replace(/^# yaml-language-server.*\n/, ''));
    expect(printed.errors).toMatch(/^FILE: 2 datasets, 1 left out:\n/);
  });

  it('finds nothing wrong with it, and shows what the device gets and how PostgreSQL reads it', async () => {
    const checked = await run('check', '--file', file, '--mac', DEMO_MAC);
    expect([checked.code, checked.errors]).toEqual([0, '']);
    expect(checked.output).toMatch(/^sales_items +sales\.items +shop, no +3 +3 /m);
    expect(checked.output).toMatch(/: 2 datasets, no problems\.\n$/);

    const previewed = await run('preview', '--file', file, '--mac', DEMO_MAC);
    expect([previewed.code, previewed.errors]).toEqual([0, '']);
    expect(previewed.output).toMatch(/^ {2}2 +Grüner Tee$/m);
    expect(previewed.output).toMatch(/^total +5 /m);

    const explained = await run('explain', '--file', file, '--dataset', 'sales_items', '--json');
    expect([explained.code, explained.errors]).toEqual([0, '']);
    expect(JSON.parse(explained.output)).toMatchObject([{ name: 'sales_items', parameters: [] }]);
  });

  it('ends with 1 and file, line and column of a mistake on standard output', async () => {
    const wrong = join(directory, 'wrong.yaml');
    writeFileSync(
      wrong,
      readFileSync(file, 'utf8').replace('SELECT shop, no, price', 'SELECT shop, no, prize'),
    );
    const lines = readFileSync(wrong, 'utf8').split('\n');
    const line = lines.findIndex((content) => content.includes('prize'));
    const checked = await run('check', '--file', wrong);
    expect([checked.code, checked.errors]).toEqual([1, '']);
    expect(checked.output).toContain(
      `\n${wrong}:${line + 1}:${lines[line]!.indexOf('prize') + 1}: PostgreSQL rejects the query of dataset sales_items: `,
    );
  });

  it.each([
    [
      '2 for a command that is not understood',
      2,
      ['chek'],
      /^Unknown command "chek"\. Did you mean "check"\?\n/,
    ],
    ['1 for a file that is not there', 1, ['check', '--file', 'nowhere.yaml'], /nowhere\.yaml/],
    [
      '1 for a file that is in the way',
      1,
      ['init', '--out', file],
      / already exists and is not overwritten\.\n/,
    ],
  ])('ends with %s, and says so on standard error alone', async (_, code, argv, message) => {
    expect(await run(...argv)).toEqual({
      code,
      output: '',
      errors: expect.stringMatching(message) as string,
    });
  });

  it('has made what central and an edge sync', async () => {
    const pair = await SyncPair.start({
      central: {
        CENTRAL_SOURCE_DATABASE_URL: source.url,
        CENTRAL_DATASETS_FILE: file,
        CENTRAL_DEMO_DATA: 'false',
      },
    });
    try {
      expect(await pair.syncNow()).toMatchObject({ status: 'applied', acknowledged: true });
      for (const query of [
        'SELECT * FROM public.items ORDER BY id',
        'SELECT * FROM sales.items ORDER BY shop, no',
      ]) {
        const { rows } = await source.pool.query<{ line: string }>(
          `SELECT q::text AS line FROM (${query}) AS q`,
        );
        expect(await pair.edgeRows(query)).toEqual(rows.map(({ line }) => line));
      }
    } finally {
      await pair.stop();
    }
  });
});
