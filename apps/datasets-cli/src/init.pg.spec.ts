import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { parse } from 'yaml';
import { runDatasetsTool, type ToolRun } from '../test/run-datasets-tool';

const MAC = '48:b0:2d:e9:c3:b7';

interface Starter {
  scope: { query: string };
  datasets: { name: string; schema?: string; table?: string; key: string[]; query: string }[];
}

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rivulet-init-'));
  database = await createTestDatabase();
});

afterEach(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

function run(...argv: string[]): Promise<ToolRun> {
  return runDatasetsTool(database.url, argv);
}

/** Makes a file, which `check` must find right for the device, and reads it. */
async function init(...argv: string[]): Promise<{ text: string; file: Starter; said: string }> {
  const out = join(folder, 'datasets.yaml');
  const made = await run('init', '--out', out, ...argv);
  expect([made.code, made.errors]).toEqual([0, '']);
  const checked = await run('check', '--file', out, '--mac', MAC);
  expect([checked.code, checked.errors, checked.output]).toEqual([
    0,
    '',
    expect.not.stringContaining('Mistake'),
  ]);
  const text = readFileSync(out, 'utf8');
  return { text, file: parse(text) as Starter, said: made.output.replaceAll(out, 'FILE') };
}

const names = ({ datasets }: Starter): string[] => datasets.map(({ name }) => name);

describe('npm run datasets -- init', () => {
  it('writes a file that sends every table to one device, and says how to go on', async () => {
    await database.pool.query(`
      CREATE TABLE products (id bigint PRIMARY KEY, name text NOT NULL, "order" integer);
      CREATE TABLE stock (shop text, product_id bigint, pieces integer, PRIMARY KEY (shop, product_id));
      CREATE TABLE log (at timestamptz, line text)`);
    const { text, said } = await init();
    expect(text.slice(text.indexOf('datasets:\n'))).toBe(`datasets:
  - name: products
    key: [id]
    query: |
      SELECT id, name, "order"
      FROM products

  - name: stock
    key: [shop, product_id]
    query: |
      SELECT shop, product_id, pieces
      FROM stock

# Tables that are left out:
#   log: it has no primary key, and no unique index without NULLs. Give it one, or name columns with --key.
`);
    expect(text).toContain(`  query: |\n    SELECT 1 AS device_id\n    WHERE :mac_address = '${MAC}'\n`);
    expect(said).toMatch(/^FILE: 2 datasets, 1 left out:\n {2}log: it has no primary key/);
    expect(said).toContain(`Next: npm run datasets -- check --file FILE --mac ${MAC}\n`);
  });

  it('shows a table of devices that works as it stands there', async () => {
    await database.pool.query('CREATE TABLE t (id int PRIMARY KEY)');
    const { text } = await init();
    const lines = text.split('\n').filter((line) => line.startsWith('  #   '));
    const example = lines.map((line) => line.slice(6)).join('\n');
    const [table, query] = example.split(';\n') as [string, string];
    await database.pool.query(table);
    await database.pool.query(`INSERT INTO devices (mac_address) VALUES ('${MAC}')`);
    const { rows } = await database.pool.query(query.replace(':mac_address', `'${MAC}'`));
    expect(rows).toEqual([{ device_id: '1', is_active: true }]);
  });

  it.each([
    ['an address', 'mac macaddr', 'mac = :mac_address::macaddr'],
    ['a long address', 'hw macaddr8', 'hw = :mac_address::macaddr8'],
    ['a text', 'mac_address text', 'mac_address = :mac_address'],
    ['a text of a length', 'mac varchar(17)', 'mac = :mac_address'],
    [
      'capitals with hyphens',
      '"macAddress" char(17)',
      `lower(regexp_replace("macAddress"::text, '[^0-9A-Fa-f]', '', 'g')) = replace(:mac_address, ':', '')`,
    ],
  ])('finds devices by a column that is %s', async (_, column, condition) => {
    const name = column.slice(0, column.lastIndexOf(' '));
    const value = column.includes('char(17)') && name.startsWith('"') ? '48-B0-2D-E9-C3-B7' : MAC;
    await database.pool.query(`
      CREATE TABLE emacs_versions (id int PRIMARY KEY, emacs text);
      CREATE TABLE "Box" (no int PRIMARY KEY, ${column}, enabled boolean NOT NULL DEFAULT true);
      INSERT INTO "Box" (no, ${name}) VALUES (7, '${value}')`);
    const { file } = await init();
    expect(file.scope.query).toBe(
      `SELECT no AS device_id, enabled AS is_active\nFROM "Box"\nWHERE ${condition}\n`,
    );
  });

  it('takes no column for MAC addresses that has something else', async () => {
    await database.pool.query(`
      CREATE TABLE apples (id int PRIMARY KEY, mac text);
      INSERT INTO apples VALUES (1, 'McIntosh')`);
    expect((await init()).file.scope.query).toContain('SELECT 1 AS device_id');
  });

  it('leaves out partitions, and rows of heirs', async () => {
    await database.pool.query(`
      CREATE TABLE readings (site int, at date, PRIMARY KEY (site, at)) PARTITION BY LIST (site);
      CREATE TABLE readings_1 PARTITION OF readings FOR VALUES IN (1) PARTITION BY RANGE (at);
      CREATE TABLE readings_1_rest PARTITION OF readings_1 DEFAULT;
      CREATE TABLE cities (id int PRIMARY KEY);
      CREATE TABLE capitals (id int PRIMARY KEY) INHERITS (cities);
      INSERT INTO cities VALUES (1);
      INSERT INTO capitals VALUES (1)`);
    const { file, text } = await init();
    expect(names(file)).toEqual(['capitals', 'cities', 'readings']);
    expect(text).toContain('FROM ONLY cities\n');
  });

  it('takes the shortest unique index without NULLs where there is no primary key', async () => {
    await database.pool.query(`
      CREATE TABLE a (x int NOT NULL, y int NOT NULL, z int NOT NULL, UNIQUE (x, y), UNIQUE (z) INCLUDE (x));
      CREATE TABLE b (x int UNIQUE);
      CREATE TABLE c (x int NOT NULL, y text NOT NULL);
      CREATE UNIQUE INDEX ON c (x) WHERE y <> '';
      CREATE UNIQUE INDEX ON c (lower(y));
      INSERT INTO b VALUES (NULL)`);
    const { file, said } = await init();
    expect(file.datasets.map(({ name, key }) => [name, key])).toEqual([['a', ['z']]]);
    expect(said).toContain('2 left out');
  });

  it('casts what cannot be carried or sorted, and says so', async () => {
    await database.pool.query(`
      CREATE EXTENSION citext;
      CREATE TYPE pair AS (a int, b text);
      CREATE TYPE mood AS ENUM ('calm');
      CREATE TYPE floats AS RANGE (subtype = float8);
      CREATE TABLE odd (email citext PRIMARY KEY, p pair, ps pair[], c regclass, m mood, r floats, emails citext[]);
      CREATE TABLE docs (doc jsonb PRIMARY KEY);
      INSERT INTO odd VALUES ('A@x', '(1,x)', '{"(2,\\"y,z\\")"}', 'odd', 'calm', '[1,2]', '{a,B}');
      INSERT INTO docs VALUES ('{"a": 1}')`);
    const { text, file } = await init();
    expect(file.datasets[0]!.query.replaceAll(/\s+/g, ' ')).toBe('SELECT doc::text AS doc FROM docs ');
    expect(file.datasets[1]!.query.replaceAll(/\s+/g, ' ')).toBe(
      'SELECT email::text AS email, p::text AS p, ps::text[] AS ps, c::text AS c, m, r::text AS r, ' +
        'emails FROM odd ',
    );
    expect(text).toContain(
      '    # email is sent as text: databases sort its type citext in different ways, and it is in the key.\n',
    );
    expect(text).toContain('    # p is sent as text: its type pair cannot be carried exactly.\n');
    expect(text).toContain(
      '    # doc is sent as text: databases sort its type jsonb in different ways, and it is in the key.\n',
    );
  });

  it('takes keys from the command, and several schemas', async () => {
    await database.pool.query(`
      CREATE SCHEMA "HR";
      CREATE TABLE "HR".people (id int PRIMARY KEY);
      CREATE TABLE people (id int PRIMARY KEY);
      CREATE TABLE "HR"."b.c" ("x,y" int NOT NULL, z int NOT NULL)`);
    const { file } = await init('--schema', 'public', '--schema', 'HR', '--key', 'HR."b.c"="x,y",z');
    expect(file.datasets).toEqual([
      { name: 'people', key: ['id'], query: 'SELECT id\nFROM people\n' },
      { name: 'b.c', schema: 'HR', key: ['x,y', 'z'], query: 'SELECT "x,y", z\nFROM "HR"."b.c"\n' },
      {
        name: 'HR_people',
        schema: 'HR',
        table: 'people',
        key: ['id'],
        query: 'SELECT id\nFROM "HR".people\n',
      },
    ]);
    const { output } = await run('check', '--file', join(folder, 'datasets.yaml'));
    expect(output).toMatch(/^people +people /m);
    expect(output).toMatch(/^HR_people +HR\.people /m);
  });

  it('has views ready as comments, which lack nothing but a key', async () => {
    await database.pool.query(`
      CREATE SCHEMA sales;
      CREATE TABLE people (id int PRIMARY KEY, owner regrole);
      CREATE VIEW adults AS SELECT id, owner, '${MAC}'::macaddr AS mac FROM people;
      CREATE MATERIALIZED VIEW sales.people AS SELECT id FROM people`);
    const { text, file, said } = await init('--schema', 'public', '--schema', 'sales');
    expect([names(file), file.scope.query]).toEqual([
      ['people'],
      expect.stringContaining('SELECT 1 AS device_id'),
    ]);
    expect(said).toContain('2 left out:\n  adults: PostgreSQL knows no key of a view. ');
    const drafts = text.slice(text.indexOf('#\n#   - name: adults'));
    expect(drafts).toBe(`#
#   - name: adults
#     key: []
#     # owner is sent as text: its type regrole cannot be carried exactly.
#     query: |
#       SELECT id, owner::text AS owner, mac
#       FROM adults
#
#   - name: sales_people
#     schema: sales
#     table: people
#     key: []
#     query: |
#       SELECT id
#       FROM sales.people
`);
    const out = join(folder, 'datasets.yaml');
    const uncommented = text.replace(drafts, drafts.replaceAll(/^# ?/gm, ''));
    writeFileSync(out, uncommented);
    expect((await run('check', '--file', out)).output).toContain(
      'the key of dataset adults names 0 columns; it must name 1 to 32',
    );
    writeFileSync(out, uncommented.replaceAll('key: []', 'key: [id]'));
    const checked = await run('check', '--file', out, '--mac', MAC);
    expect([checked.code, checked.output]).toEqual([0, expect.stringContaining('sales.people')]);
  });

  it('makes a dataset of a view whose key the command says', async () => {
    await database.pool.query('CREATE VIEW numbers AS SELECT generate_series(1, 3) AS n');
    const { file } = await init('--key', 'numbers=n');
    expect(file.datasets).toEqual([{ name: 'numbers', key: ['n'], query: 'SELECT n\nFROM numbers\n' }]);
  });

  it('keeps names that are nothing but blanks', async () => {
    await database.pool.query('CREATE SCHEMA "  "; CREATE TABLE "  "." " (" " int PRIMARY KEY)');
    const { file } = await init('--schema', '  ');
    expect(file.datasets).toEqual([
      { name: ' ', schema: '  ', key: [' '], query: 'SELECT " "\nFROM "  "." "\n' },
    ]);
  });

  it('says what the role may not read, and leaves it out', async () => {
    const role = `init_${randomBytes(4).toString('hex')}`;
    await database.pool.query(`
      CREATE ROLE ${role};
      CREATE TABLE a (id int PRIMARY KEY, salary int);
      CREATE TABLE b (id int PRIMARY KEY);
      CREATE TABLE c (id int PRIMARY KEY);
      CREATE SCHEMA hidden CREATE TABLE d (id int PRIMARY KEY);
      ALTER TABLE c ENABLE ROW LEVEL SECURITY;
      GRANT SELECT (id) ON a TO ${role};
      GRANT SELECT ON c TO ${role}`);
    const url = new URL(database.url);
    url.searchParams.set('options', `-c role=${role}`);
    const { output } = await runDatasetsTool(url.href, ['init', '--schema', 'public', '--schema', 'hidden']);
    await database.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    expect(names(parse(output) as Starter)).toEqual(['a', 'c']);
    expect(output).toContain('    # salary is left out: this role may not read it.\n');
    expect(output).toContain(
      '    # Row security hides some rows from this role, and so from every device.\n',
    );
    expect(output).toContain('#   b: this role may not read it. Let its owner GRANT SELECT on it.\n');
    expect(output).toContain('#   hidden.d: this role may not use its schema.');
  });

  it('leaves out what extensions bring along', async () => {
    await database.pool.query(`
      CREATE EXTENSION citext;
      CREATE TABLE spatial_ref_sys (srid int PRIMARY KEY);
      CREATE TABLE t (id int PRIMARY KEY);
      ALTER EXTENSION citext ADD TABLE spatial_ref_sys`);
    const { file, said } = await init();
    expect(names(file)).toEqual(['t']);
    expect(said).toContain('spatial_ref_sys: it belongs to the extension citext.');
  });
});

describe('what init refuses', () => {
  it.each([
    [['--out', 'x', '--json'], 2, '--json is not for init.'],
    [['--key', 'people'], 2, '--key is "people"; write it as table=column or schema.table=column,column.'],
    [['--key', 'peple=id'], 2, '--key peple=id: there is no table peple. Did you mean people?'],
    [['--key', 'people=idd'], 2, '--key people=idd: people has no column idd. Did you mean id?'],
    [
      ['--schema', 'nowhere'],
      1,
      'has in nowhere no tables.\nIt has tables in hr (1 table), public (1 table): name',
    ],
    [['--schema', 'hr'], 1, 'has in hr no table that can be sent. Of hr.log: it has no primary key'],
  ])('%j', async (argv, code, message) => {
    await database.pool.query(
      'CREATE TABLE people (id int PRIMARY KEY); CREATE SCHEMA hr; CREATE TABLE hr.log (line text)',
    );
    const refused = await run('init', ...argv);
    expect([refused.code, refused.output]).toEqual([code, '']);
    expect(refused.errors).toContain(message);
    expect(existsSync('x')).toBe(false);
  });

  it('options of the others, and the others its', async () => {
    expect((await run('check', '--out', 'x')).errors).toContain('--out is for init.');
  });

  it('to write over a file', async () => {
    await database.pool.query('CREATE TABLE people (id int PRIMARY KEY)');
    const out = join(folder, 'mine.yaml');
    writeFileSync(out, 'mine');
    const { code, errors } = await run('init', '--out', out);
    expect([code, errors]).toEqual([
      1,
      `${out} is there already, and is not written over.\nName another file with --out, or remove it.\n`,
    ]);
    expect(readFileSync(out, 'utf8')).toBe('mine');
  });
});
