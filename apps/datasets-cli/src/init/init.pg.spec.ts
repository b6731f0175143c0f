import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InitFixture, MAC } from '../../test/init-fixture';

let fixture: InitFixture;

beforeEach(async () => {
  fixture = await InitFixture.create();
});

afterEach(() => fixture.close());

describe('npm run datasets -- init', () => {
  it('writes a file that sends every table to one device, and says how to go on', async () => {
    await fixture.database.pool.query(`
      CREATE TABLE products (id bigint PRIMARY KEY, name text NOT NULL, "order" integer);
      CREATE TABLE stock (shop text, product_id bigint, pieces integer, PRIMARY KEY (shop, product_id));
      CREATE TABLE log (at timestamptz, line text)`);
    const { text, said } = await fixture.init();
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

# Tables left out:
#   log: it has no primary key and no unique index without NULLs. Add one, or specify columns with --key.
`);
    expect(text).toContain(`  query: |\n    SELECT 1 AS device_id\n    WHERE :mac_address = '${MAC}'\n`);
    expect(said).toMatch(/^FILE: 2 datasets, 1 left out:\n {2}log: it has no primary key/);
    expect(said).toContain(`Next: npm run datasets -- check --file FILE --mac ${MAC}\n`);
  });

  it('takes keys from the command, and several schemas', async () => {
    await fixture.database.pool.query(`
      CREATE SCHEMA "HR";
      CREATE TABLE "HR".people (id int PRIMARY KEY);
      CREATE TABLE people (id int PRIMARY KEY);
      CREATE TABLE "HR"."b.c" ("x,y" int NOT NULL, z int NOT NULL)`);
    const { file } = await fixture.init('--schema', 'public', '--schema', 'HR', '--key', 'HR."b.c"="x,y",z');
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
    const { output } = await fixture.run('check', '--file', fixture.path);
    expect(output).toMatch(/^people +people /m);
    expect(output).toMatch(/^HR_people +HR\.people /m);
  });

  it('makes a dataset of a view whose key the command says', async () => {
    await fixture.database.pool.query('CREATE VIEW numbers AS SELECT generate_series(1, 3) AS n');
    const { file } = await fixture.init('--key', 'numbers=n');
    expect(file.datasets).toEqual([{ name: 'numbers', key: ['n'], query: 'SELECT n\nFROM numbers\n' }]);
  });
});

describe('what init refuses', () => {
  it.each([
    [['--out', 'x', '--json'], 2, 'init does not accept --json.'],
    [['--key', 'people'], 2, '--key is "people"; write it as table=column or schema.table=column,column.'],
    [['--key', 'peple=id'], 2, '--key peple=id: no such table: peple. Did you mean people?'],
    [['--key', 'people=idd'], 2, '--key people=idd: people has no column idd. Did you mean id?'],
    [
      ['--schema', 'nowhere'],
      1,
      'has no tables in nowhere.\nThe database has tables in hr (1 table), public (1 table): specify',
    ],
    [['--schema', 'hr'], 1, 'has no table in hr that can become a dataset. hr.log: it has no primary key'],
  ])('%j', async (argv, code, message) => {
    await fixture.database.pool.query(
      'CREATE TABLE people (id int PRIMARY KEY); CREATE SCHEMA hr; CREATE TABLE hr.log (line text)',
    );
    const refused = await fixture.run('init', ...argv);
    expect([refused.code, refused.output]).toEqual([code, '']);
    expect(refused.errors).toContain(message);
    expect(existsSync('x')).toBe(false);
  });

  it('options of the others, and the others its', async () => {
    expect((await fixture.run('check', '--out', 'x')).errors).toContain('--out works only with init.');
  });

  it('to write over a file', async () => {
    await fixture.database.pool.query('CREATE TABLE people (id int PRIMARY KEY)');
    const out = join(fixture.folder, 'mine.yaml');
    writeFileSync(out, 'mine');
    const { code, errors } = await fixture.run('init', '--out', out);
    expect([code, errors]).toEqual([
      1,
      `${out} already exists and is not overwritten.\nSpecify a different file with --out, or remove this one.\n`,
    ]);
    expect(readFileSync(out, 'utf8')).toBe('mine');
  });
});
