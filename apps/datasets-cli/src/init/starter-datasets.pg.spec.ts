import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { datasetNames, InitFixture, MAC, type StarterYaml } from '../../test/init-fixture';
import { runDatasetsTool } from '../../test/run-datasets-tool';

let fixture: InitFixture;

beforeEach(async () => {
  fixture = await InitFixture.create();
});

afterEach(() => fixture.close());

describe('the datasets that init writes', () => {
  it('leaves out partitions, and rows of heirs', async () => {
    await fixture.database.pool.query(`
      CREATE TABLE readings (site int, at date, PRIMARY KEY (site, at)) PARTITION BY LIST (site);
      CREATE TABLE readings_1 PARTITION OF readings FOR VALUES IN (1) PARTITION BY RANGE (at);
      CREATE TABLE readings_1_rest PARTITION OF readings_1 DEFAULT;
      CREATE TABLE cities (id int PRIMARY KEY);
      CREATE TABLE capitals (id int PRIMARY KEY) INHERITS (cities);
      INSERT INTO cities VALUES (1);
      INSERT INTO capitals VALUES (1)`);
    const { file, text } = await fixture.init();
    expect(datasetNames(file)).toEqual(['capitals', 'cities', 'readings']);
    expect(text).toContain('FROM ONLY cities\n');
  });

  it('takes the shortest unique index without NULLs where there is no primary key', async () => {
    await fixture.database.pool.query(`
      CREATE TABLE a (x int NOT NULL, y int NOT NULL, z int NOT NULL, UNIQUE (x, y), UNIQUE (z) INCLUDE (x));
      CREATE TABLE b (x int UNIQUE);
      CREATE TABLE c (x int NOT NULL, y text NOT NULL);
      CREATE UNIQUE INDEX ON c (x) WHERE y <> '';
      CREATE UNIQUE INDEX ON c (lower(y));
      INSERT INTO b VALUES (NULL)`);
    const { file, said } = await fixture.init();
    expect(file.datasets.map(({ name, key }) => [name, key])).toEqual([['a', ['z']]]);
    expect(said).toContain('2 left out');
  });

  it('casts what cannot be carried or sorted, and says so', async () => {
    await fixture.database.pool.query(`
      CREATE EXTENSION citext;
      CREATE TYPE pair AS (a int, b text);
      CREATE TYPE mood AS ENUM ('calm');
      CREATE TYPE floats AS RANGE (subtype = float8);
      CREATE TABLE odd (email citext PRIMARY KEY, p pair, ps pair[], c regclass, m mood, r floats, emails citext[]);
      CREATE TABLE docs (doc jsonb PRIMARY KEY);
      INSERT INTO odd VALUES ('A@x', '(1,x)', '{"(2,\\"y,z\\")"}', 'odd', 'calm', '[1,2]', '{a,B}');
      INSERT INTO docs VALUES ('{"a": 1}')`);
    const { text, file } = await fixture.init();
    expect(file.datasets[0]!.query.replaceAll(/\s+/g, ' ')).toBe('SELECT doc::text AS doc FROM docs ');
    expect(file.datasets[1]!.query.replaceAll(/\s+/g, ' ')).toBe(
      'SELECT email::text AS email, p::text AS p, ps::text[] AS ps, c::text AS c, m, r::text AS r, ' +
        'emails FROM odd ',
    );
    expect(text).toContain(
      '    # email is sent as text: it is in the key, and the sort order of its type citext differs between databases.\n',
    );
    expect(text).toContain('    # p is sent as text: its type pair cannot be carried exactly.\n');
    expect(text).toContain(
      '    # doc is sent as text: it is in the key, and the sort order of its type jsonb differs between databases.\n',
    );
  });

  it('has views ready as comments, which lack nothing but a key', async () => {
    await fixture.database.pool.query(`
      CREATE SCHEMA sales;
      CREATE TABLE people (id int PRIMARY KEY, owner regrole);
      CREATE VIEW adults AS SELECT id, owner, '${MAC}'::macaddr AS mac FROM people;
      CREATE MATERIALIZED VIEW sales.people AS SELECT id FROM people`);
    const { text, file, said } = await fixture.init('--schema', 'public', '--schema', 'sales');
    expect([datasetNames(file), file.scope.query]).toEqual([
      ['people'],
      expect.stringContaining('SELECT 1 AS device_id'),
    ]);
    expect(said).toContain('2 left out:\n  adults: a view has no primary key. ');
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
    const out = fixture.path;
    const uncommented = text.replace(drafts, drafts.replaceAll(/^# ?/gm, ''));
    writeFileSync(out, uncommented);
    expect((await fixture.run('check', '--file', out)).output).toContain(
      'the key of dataset adults names 0 columns; it must name 1 to 32',
    );
    writeFileSync(out, uncommented.replaceAll('key: []', 'key: [id]'));
    const checked = await fixture.run('check', '--file', out, '--mac', MAC);
    expect([checked.code, checked.output]).toEqual([0, expect.stringContaining('sales.people')]);
  });

  it('keeps names that are nothing but blanks', async () => {
    await fixture.database.pool.query('CREATE SCHEMA "  "; CREATE TABLE "  "." " (" " int PRIMARY KEY)');
    const { file } = await fixture.init('--schema', '  ');
    expect(file.datasets).toEqual([
      { name: ' ', schema: '  ', key: [' '], query: 'SELECT " "\nFROM "  "." "\n' },
    ]);
  });

  it('messages: says that a table has no columns, also to a superuser', async () => {
    await fixture.database.pool.query('CREATE TABLE empty (); CREATE TABLE other (id int PRIMARY KEY)');
    const { text } = await fixture.init();
    expect(text).toContain('#   empty: it has no columns.\n');
  });

  it('says what the role may not read, and leaves it out', async () => {
    const role = `init_${randomBytes(4).toString('hex')}`;
    await fixture.database.pool.query(`
      CREATE ROLE ${role};
      CREATE TABLE a (id int PRIMARY KEY, salary int);
      CREATE TABLE b (id int PRIMARY KEY);
      CREATE TABLE c (id int PRIMARY KEY);
      CREATE SCHEMA hidden CREATE TABLE d (id int PRIMARY KEY);
      ALTER TABLE c ENABLE ROW LEVEL SECURITY;
      GRANT SELECT (id) ON a TO ${role};
      GRANT SELECT ON c TO ${role}`);
    const url = new URL(fixture.database.url);
    url.searchParams.set('options', `-c role=${role}`);
    const { output } = await runDatasetsTool(url.href, ['init', '--schema', 'public', '--schema', 'hidden']);
    await fixture.database.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    expect(datasetNames(parse(output) as StarterYaml)).toEqual(['a', 'c']);
    expect(output).toContain('    # salary is left out: this role may not read it.\n');
    expect(output).toContain(
      '    # Row security hides some rows from this role and therefore from every device.\n',
    );
    expect(output).toContain(
      `#   b: this role may not read it. Its owner can run: GRANT SELECT ON public.b TO ${role}\n`,
    );
    expect(output).toContain(
      `#   hidden.d: this role may not use its schema. The owner can run: GRANT USAGE ON SCHEMA hidden TO ${role}\n`,
    );
  });

  it('leaves out what extensions bring along', async () => {
    await fixture.database.pool.query(`
      CREATE EXTENSION citext;
      CREATE TABLE spatial_ref_sys (srid int PRIMARY KEY);
      CREATE TABLE t (id int PRIMARY KEY);
      ALTER EXTENSION citext ADD TABLE spatial_ref_sys`);
    const { file, said } = await fixture.init();
    expect(datasetNames(file)).toEqual(['t']);
    expect(said).toContain('spatial_ref_sys: it belongs to the extension citext.');
  });
});
