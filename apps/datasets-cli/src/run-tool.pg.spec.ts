import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { runDatasetsTool, type ToolRun } from '../test/run-datasets-tool';

const MAC = '48:b0:2d:e9:c3:b7';

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rivulet-tool-'));
  database = await createTestDatabase();
  const demo = resolve('db', 'central', 'demo');
  for (const file of readdirSync(demo).toSorted())
    await database.pool.query(readFileSync(join(demo, file), 'utf8'));
  await database.pool.query('ANALYZE');
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

function run(...argv: string[]): Promise<ToolRun> {
  return runDatasetsTool(database.url, argv);
}

/** A file in the folder with one dataset on the demo's tables. */
function fileWith(query: string, key = '[id]'): string {
  const scope = 'SELECT id AS device_id, company_id FROM devices WHERE mac_address = :mac_address';
  const file = join(folder, 'mine.yaml');
  writeFileSync(
    file,
    `version: 1\nscope:\n  query: ${scope}\ndatasets:\n  - name: mine\n    key: ${key}\n    query: ${query}\n`,
  );
  return file;
}

describe('npm run datasets -- check', () => {
  it('finds nothing wrong with the demo, and shows what its datasets are', async () => {
    const { code, output, errors } = await run('check', '--mac', MAC);
    expect([code, errors]).toEqual([0, '']);
    const lines = output.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '));
    expect(lines[0]).toBe('dataset  mirror  key  columns  rows  bytes  estimated  parameters');
    expect(lines[4]).toMatch(/^users {2}users {2}id {2}16 {2}1,032 {2}294\.6 kB .* :company_id, :group_ids$/);
    expect(output).toContain(`Rows were looked at for ${MAC}.`);
    expect(lines.at(-2)).toBe('db/datasets.yaml: 8 datasets, nothing wrong.');
  });

  it('shows the columns with their types', async () => {
    const { output } = await run('check', '--columns');
    expect(output).toMatch(/^ {2}status +text +from user_status$/m);
  });

  it('ends with 1 when there is a mistake, and names the place in the way that editors understand', async () => {
    const file = fileWith('SELECT id, emial FROM users');
    const { code, output } = await run('check', '--file', file);
    expect(code).toBe(1);
    expect(output).toContain(
      `Mistakes\n${file}:7:23: PostgreSQL refuses the query of dataset mine: column "emial" does not exist.`,
    );
    expect(output).toContain(`${file}: 1 mistake, 0 warnings.`);
  });

  it('says the same in JSON', async () => {
    const { code, output } = await run('check', '--json', '--file', fileWith('SELECT id FROM users'));
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({
      mistakes: [],
      warnings: [],
      notes: [{ problem: 'the scope query returns company_id, which no dataset uses' }, {}],
      datasets: [{ name: 'mine', key: ['id'], parameters: [], found: { rows: 3_927 } }],
    });
  });

  it('goes by the largest row that central would send, as preview does', async () => {
    const file = fileWith("SELECT id, repeat('x', 70000) AS long FROM users");
    const options = ['--mac', MAC, '--file', file];
    const limited = { CENTRAL_MAX_ROW_BYTES: '64KiB' };
    const { code, output } = await runDatasetsTool(database.url, ['check', ...options], limited);
    expect(code).toBe(1);
    expect(output).toContain('65.5 kB are carried at most (CENTRAL_MAX_ROW_BYTES is 64KiB)');
    expect(output).toContain('EDGE_MAX_ROW_BYTES');
    const preview = await runDatasetsTool(database.url, ['preview', ...options], limited);
    expect([preview.code, preview.output]).toEqual([
      1,
      expect.stringContaining('CENTRAL_MAX_ROW_BYTES, 64KiB'),
    ]);
    expect((await run('check', ...options)).code).toBe(0);
  });

  it('does not wait for ever, and goes on', async () => {
    const file = fileWith('SELECT id, pg_sleep(1)::text AS nap FROM users');
    const { code, output } = await run('check', '--timeout', '200ms', '--mac', MAC, '--file', file);
    expect(code).toBe(0);
    expect(output).toContain(`reading them for ${MAC} took too long`);
  });

  it('finds a file from where npm was called', async () => {
    fileWith('SELECT id FROM users');
    const { code } = await runDatasetsTool(database.url, ['check', '--file', 'mine.yaml'], {
      INIT_CWD: folder,
    });
    expect(code).toBe(0);
  });
});

describe('npm run datasets -- preview', () => {
  it('shows what a device would get', async () => {
    const { code, output } = await run('preview', '--mac', '48-B0-2D-E9-C3-B7', '--rows', '2');
    expect(code).toBe(0);
    const lines = output.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  ').trimEnd());
    expect(lines[0]).toBe(`${MAC} is device 1.`);
    expect(lines).toContain('company_id  bigint  1');
    expect(output).toMatch(/^users +1,032 +294\.6 kB +\d+ ms$/m);
    expect(output).toMatch(/^total +2,598 +327\.9 kB +\d+ ms$/m);
    expect(lines).toContain('  1  1  NULL  Executive Committee  department  NULL  NULL');
    expect(lines).toContain('  … and 16 more rows');
  });

  it('shows values as PostgreSQL writes them', async () => {
    const values = [
      String.raw`decode('00ff', 'hex') AS picture, NULL::text AS missing, 'NULL'::text AS word`,
      String.raw`E'\b\f\n\r\t\x0B\\é' AS odd, ARRAY[E'a\\b', NULL, 'NULL'] AS list`,
    ];
    const file = fileWith(`SELECT id, ${values.join(', ')} FROM companies WHERE id = 1`);
    const argv = ['preview', '--mac', MAC, '--file', file];
    expect(JSON.parse((await run(...argv, '--json')).output)).toMatchObject({
      datasets: [{ samples: [['1', '\\x00ff', null, 'NULL', '\b\f\n\r\t\v\\é', '{"a\\\\b",NULL,"NULL"}']] }],
    });
    const lines = (await run(...argv)).output.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '));
    expect(lines).toContain(
      String.raw`  1  \x00ff  NULL  "NULL"  \x08\x0c\n\r\t\x0b\é  {"a\\b",NULL,"NULL"}`,
    );
  });

  it('counts the same bytes as check', async () => {
    const values =
      "decode('00ff', 'hex') AS a, 'x'::char(3) AS b, NULL::text AS c, id > 1 AS d, inet '10.0.0.1' AS e";
    const options = ['--json', '--mac', MAC, '--file', fileWith(`SELECT id, ${values} FROM companies`)];
    const expected = { rows: 2, bytes: 2 * '1\t\\\\x00ff\tx  \t\\N\tf\t10.0.0.1\n'.length };
    expect(JSON.parse((await run('preview', ...options)).output)).toMatchObject({ datasets: [expected] });
    expect(JSON.parse((await run('check', ...options)).output)).toMatchObject({
      datasets: [{ found: expected }],
    });
  });

  it('can be of one dataset, in JSON', async () => {
    const { output } = await run('preview', '--mac', MAC, '--dataset', 'companies', '--json');
    expect(JSON.parse(output)).toMatchObject({
      deviceId: '1',
      parameters: { company_id: { type: 'bigint', value: '1' } },
      datasets: [{ name: 'companies', rows: 1, bytes: 177, failure: null }],
    });
  });

  it('says that central could not send such rows', async () => {
    const file = fileWith('SELECT company_id, id FROM users', '[company_id]');
    const { code, output } = await run('preview', '--mac', MAC, '--file', file, '--rows', '0');
    expect(code).toBe(1);
    expect(output).toContain(
      `${file}:5:5: dataset mine has several rows with the key (company_id) = (1). ` +
        'The device gets nothing until this is mended.',
    );
  });

  it.each([
    [
      'an unknown device',
      ['--mac', '48:b0:2d:e9:c3:b8'],
      /^The scope query at db\/datasets.yaml:11:5 finds no device 48:b0:2d:e9:c3:b8\.\nIt finds 48:b0/,
    ],
    ['an inactive device', ['--mac', '48:b0:2d:5c:08:e1'], /48:b0:2d:5c:08:e1 is not active/],
    [
      'an unknown dataset',
      ['--mac', MAC, '--dataset', 'user'],
      /^db\/datasets.yaml has no dataset user\. Did you mean users\?\nIt has companies, /,
    ],
    [
      'a file that is not there',
      ['--mac', MAC, '--file', 'nix.yaml'],
      /^The datasets file nix.yaml cannot be read/,
    ],
  ])('refuses %s', async (_, argv, message) => {
    const { code, output, errors } = await run('preview', ...argv);
    expect([code, output]).toEqual([1, '']);
    expect(errors).toMatch(message);
  });

  it('refuses a query that fails on a row', async () => {
    const file = fileWith('SELECT id, 1 / (id - 7) AS share FROM users');
    const { code, errors } = await run('preview', '--mac', MAC, '--file', file);
    expect(code).toBe(1);
    expect(errors).toContain(`${file}:7:12: dataset mine cannot be read for ${MAC}: division by zero.`);
  });
});

describe('npm run datasets -- explain', () => {
  it('shows the plan for any device', async () => {
    const { code, output } = await run('explain', '--dataset', 'groups');
    expect(code).toBe(0);
    expect(output).toContain('groups  db/datasets.yaml:49:7\n  $1 is :group_ids\n');
    expect(output).toMatch(/^ {2}Sort {2}\(cost=[\d.]+ rows=\d+ width=\d+\)\n {4}Sort Key: g\.id$/m);
    expect(output).toMatch(/Sorts about \d+ rows by the key, which is a matter of milliseconds\.\n$/);
  });

  it('shows the plan for a device, and what it took', async () => {
    const { output } = await run('explain', '--dataset', 'companies', '--mac', MAC, '--analyze');
    expect(output).toMatch(/actual time=/);
    expect(output).toContain("(id = '1'::bigint)");
    expect(output).toMatch(/Needs no sort/);
  });

  it('names the index that would spare a sort', async () => {
    await database.pool.query(`
      CREATE TABLE IF NOT EXISTS events AS SELECT n AS id, n % 2 AS company_id FROM generate_series(1, 50000) AS n`);
    await database.pool.query('ANALYZE events');
    const file = fileWith('SELECT id, company_id FROM events WHERE company_id = :company_id');
    expect((await run('explain', '--file', file)).output).toMatch(
      /Sorts about 2\d,\d+ rows by the key\. This index would spare that: CREATE INDEX ON events \(company_id, id\)\. It reads all of events/,
    );
    await database.pool.query('CREATE INDEX ON events (company_id, id)');
    const { output } = await run('explain', '--file', file);
    expect(output).toMatch(
      /The index events_company_id_id_idx gives the order of the key\.|finds this cheaper/,
    );
  });

  it('needs a device to run the query for', async () => {
    const { code, errors } = await run('explain', '--analyze');
    expect(code).toBe(2);
    expect(errors).toMatch(/^--analyze runs the queries, and needs the device: --mac/);
  });
});

describe('npm run datasets', () => {
  it('explains itself', async () => {
    const { code, output } = await run('--help');
    expect([code, output.split('\n')[0]]).toEqual([0, 'Usage: npm run datasets -- <command> [options]']);
  });

  it.each([
    [[], 'Say what to do: check, preview, explain, init.'],
    [['chek'], '"chek" is none of check, preview, explain, init. Did you mean check?'],
    [['check', 'all'], '"all" is one word too many.'],
    [['check', '--verbose'], "Unknown option '--verbose'"],
    [['check', '--mac', 'kitchen'], '"kitchen" is not a MAC address.'],
    [['check', '--timeout', '3'], '--timeout is "3"; write it as 30s or 5m.'],
    [['check', '--dataset', 'users'], 'check looks at the whole file; --dataset is for preview and explain.'],
    [['preview'], `preview needs the device: --mac ${MAC}.`],
    [['preview', '--mac', MAC, '--rows', 'all'], '--rows is "all"; it must be a number from 0 to 100.'],
    [['explain', '--mac', MAC, '--mac', MAC], 'explain takes one --mac.'],
  ])('does not take %j', async (argv, message) => {
    const { code, errors } = await run(...argv);
    expect(code).toBe(2);
    expect(errors.startsWith(message)).toBe(true);
    expect(errors).toContain('Usage: ');
  });

  it("says that it took the demo's file where none was named and that does not fit", async () => {
    const hint =
      'No file was named, so this is db/datasets.yaml, that of the demo. Name your own with --file.\n';
    const empty = await createTestDatabase();
    try {
      const check = await runDatasetsTool(empty.url, ['check']);
      expect(check.code).toBe(1);
      expect(check.output).toContain('relation "devices" does not exist');
      expect(check.output.endsWith(hint)).toBe(true);
      for (const argv of [['preview', '--mac', MAC], ['explain']]) {
        const { code, errors } = await runDatasetsTool(empty.url, argv);
        expect(code).toBe(1);
        expect(errors).toMatch(/relation "devices" does not exist; /);
        expect(errors.endsWith(hint)).toBe(true);
      }
      const named = { CENTRAL_DATASETS_FILE: 'db/datasets.yaml' };
      expect((await runDatasetsTool(empty.url, ['check'], named)).output).not.toContain(hint);
      expect(
        (await runDatasetsTool(empty.url, ['explain', '--file', 'db/datasets.yaml'])).errors,
      ).not.toContain(hint);
      expect((await run('check', '--file', fileWith('SELECT x FROM users'))).output).not.toContain(hint);
    } finally {
      await empty.drop();
    }
  });

  it('says so when there is none', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect(existsSync(resolve('.rivulet'))).toBe(false);
      const { code, errors } = await runDatasetsTool('', ['check']);
      expect(code).toBe(1);
      expect(errors).toBe(
        'There is no database to ask about the queries.\n' +
          'Set CENTRAL_DATABASE_URL to that of your tables, or run `npm start` once for the demo.\n',
      );
    } finally {
      process.chdir(before);
    }
  });

  it('prefers the source database to that of central', async () => {
    const { code } = await runDatasetsTool('postgresql://127.0.0.1:1/nowhere', ['explain'], {
      CENTRAL_SOURCE_DATABASE_URL: database.url,
    });
    expect(code).toBe(0);
  });
});
