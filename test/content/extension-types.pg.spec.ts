import { macAddress } from '../../apps/edge/test/sync-cycle-fixture';
import { SyncInProcess } from '../support/apps/sync-in-process';

const ROWS = 6_000;

/** No extension is in the same schema on both sides, and some of them are on no search_path. */
const source = `
  CREATE SCHEMA source; CREATE SCHEMA "Ext ""1"; CREATE SCHEMA hidden;
  CREATE EXTENSION citext SCHEMA "Ext ""1"; CREATE EXTENSION ltree SCHEMA hidden;
  CREATE EXTENSION hstore SCHEMA public; CREATE EXTENSION cube SCHEMA hidden; CREATE EXTENSION seg SCHEMA hidden;
  CREATE DOMAIN source.label AS "Ext ""1".citext CHECK (VALUE <> 'x');
  CREATE TABLE source.things (
    path hidden.ltree, n int, name "Ext ""1".citext, label source.label, tags public.hstore, area hidden.cube,
    query hidden.lquery, words hidden.ltxtquery, names "Ext ""1".citext[], labels source.label[], tagged public.hstore[],
    PRIMARY KEY (path, n));
  INSERT INTO source.things SELECT
    (CASE n % 4 WHEN 0 THEN '' WHEN 1 THEN 'Top.a' WHEN 2 THEN 'Top.a.' || n ELSE 'top.B_' || n % 7 END)::hidden.ltree, n,
    CASE n % 3 WHEN 0 THEN 'Ada' WHEN 1 THEN 'ada' END, 'Größe ' || n,
    (CASE n % 3 WHEN 0 THEN '' WHEN 1 THEN '"a"=>"1", "tab\\t"=>NULL' ELSE '"n"=>"' || n || '", "\\"q\\""=>"\\\\"' END)::public.hstore,
    (CASE n % 3 WHEN 0 THEN '(1,2),(3,4)' WHEN 1 THEN '(0.30000000000000004)' ELSE '(-0,' || n / 7.0 || ')' END)::hidden.cube,
    'Top.*{1,2}.a@*|b', 'Europe & Russia*@ & !Transport',
    ARRAY['A', NULL, 'a,"b'], ARRAY['Z'::"Ext ""1".citext], ARRAY['"k"=>"v"', NULL]::public.hstore[]
  FROM generate_series(1, ${ROWS}) AS n;
  CREATE TABLE source.others (id int PRIMARY KEY, range hidden.seg, own public.hstore);
  INSERT INTO source.others VALUES (1, '1 .. 2', 'a=>1');
  CREATE TABLE source.devices (mac text, id int, root hidden.ltree, name "Ext ""1".citext);
  INSERT INTO source.devices VALUES ('${macAddress}', 1, 'Top', 'ADA')`;

/** hstore and cube are still to come. */
const device = `
  CREATE SCHEMA "edge's"; CREATE EXTENSION citext SCHEMA "edge's"; CREATE EXTENSION ltree SCHEMA "edge's"`;

const columns = 'path n name label tags area query words names labels tagged'.split(' ');

interface Asked {
  key?: string;
  columns?: string;
  from?: string;
  where?: string;
  indexes?: string;
}

function datasetsFile(asked: Asked = {}): string {
  const { key = 'path, n', from = 'source.things', where = 'TRUE', indexes = '' } = asked;
  return `version: 1
scope:
  query: SELECT id AS device_id, root, name FROM source.devices WHERE mac = :mac_address
datasets:
  - name: things
    key: [${key}]
    indexes: [${indexes}]
    query: SELECT ${asked.columns ?? columns.join(', ')} FROM ${from} WHERE ${where}
`;
}

let pair: SyncInProcess;

beforeAll(async () => {
  pair = await SyncInProcess.create(source, device);
});

afterAll(() => pair.close());

const change = (set: string, where: string): Promise<unknown> =>
  pair.central.database.pool.query(`UPDATE source.things SET ${set} WHERE ${where}`);

async function expectEqual(where?: string): Promise<void> {
  const [sent, arrived] = await pair.bothTexts('things', columns, where);
  expect(arrived).toEqual(sent);
  expect(arrived.length).toBeGreaterThan(0);
}

describe('rows with types of extensions', () => {
  it('are loaded into mirrors with the types of the edge, whose missing extensions are created', async () => {
    const services = await pair.services(datasetsFile({ indexes: '[name], [tags], [area]' }));
    expect(await pair.sync(services)).toMatchObject({
      status: 'applied',
      error: undefined,
      done: ['created'],
    });
    await expectEqual();
    expect(
      await pair.edge.select(`
        SELECT attname AS name, atttypid::regtype::text AS type FROM pg_attribute
        WHERE attrelid = 'public.things'::regclass AND attname IN ('path', 'labels', 'tagged', 'area') ORDER BY attname`),
    ).toEqual([
      { name: 'area', type: 'cube' },
      { name: 'labels', type: `"edge's".citext[]` },
      { name: 'path', type: `"edge's".ltree` },
      { name: 'tagged', type: 'hstore[]' },
    ]);
    expect(await pair.sync(services)).toMatchObject({ status: 'current', error: undefined });
  });

  it.each([
    ['patched', true, 'patched'],
    ['merged', false, 'merged'],
  ])('are %s, also where only the case of letters changes', async (_, knowing, action) => {
    const services = await pair.services(datasetsFile());
    await pair.sync(services);
    await change(`name = CASE name::text WHEN 'Ada' THEN 'ADA' ELSE 'Ada' END`, 'n % 1500 = 3');
    await change(`tags = public.hstore(ARRAY['new', n::text]), area = '(1.10)'`, 'n % 1500 = 4');
    await change(`names = '{b,A}', labels = '{z}', query = '*', words = 'a | b'`, 'n = 5');
    await change(`path = 'Top.moved'`, `n % 1500 = 6 AND path::text <> 'Top.moved'`);
    await pair.central.database.pool.query('DELETE FROM source.things WHERE n % 1500 = 7 AND n < 3000');
    expect(await pair.sync(services, { knowing })).toMatchObject({
      status: 'applied',
      error: undefined,
      done: [action],
    });
    await expectEqual();
    await change(`path = ('Top.' || n)::hidden.ltree, name = 'aDa'`, 'n % 1500 = 6');
    expect(await pair.sync(services, { knowing, verify: 'full' })).toMatchObject({ done: [action] });
    await expectEqual();
  });

  it('that are changed on the device are found by a scrub, however little is changed', async () => {
    await pair.edge.database.pool.query(`UPDATE things SET name = 'adA' WHERE n = 10`);
    expect((await pair.edge.scrub({ repair: false })).status).toBe('deviating');
    await pair.edge.database.pool.query(`UPDATE things SET name = 'ada' WHERE n = 10`);
    expect((await pair.edge.scrub({ repair: false })).status).toBe('intact');
  });

  it('that the device can no longer have fail the sync with what to do, and the old rows stay', async () => {
    const services = await pair.services(datasetsFile());
    await pair.sync(services);
    const before = await pair.bothTexts('things', columns);
    await pair.edge.database.pool.query('ALTER EXTENSION cube DROP TYPE cube');
    const { status, error } = await pair.sync(services);
    expect([status, error?.code]).toEqual(['failed', 'SCHEMA_UNSUPPORTED']);
    expect(error?.message).toMatch(
      /^This edge's PostgreSQL cannot hold table things: column area of type cube\.cube \(the installed extension cube [\d.]+ does not have the type cube\)\.$/,
    );
    expect(error?.nextStep).toContain('run ALTER EXTENSION cube UPDATE as a superuser');
    expect(await pair.bothTexts('things', columns)).toEqual(before);
    await pair.edge.database.pool.query('ALTER EXTENSION cube ADD TYPE cube');
    expect(await pair.sync(services)).toMatchObject({ error: undefined });
    await expectEqual();
  });

  it('are chosen by parameters of such types', async () => {
    const where = `path OPERATOR(hidden.<@) :root AND name OPERATOR("Ext ""1".=) :name`;
    const services = await pair.services(
      datasetsFile({ where: where.replaceAll('"', '\\"') }).replace(/query: (SELECT path.*)/, 'query: "$1"'),
    );
    expect(await pair.sync(services)).toMatchObject({ status: 'applied', error: undefined });
    await expectEqual(`path::text ~ '^Top' AND lower(name::text) = 'ada'`);
  });
});

describe('a dataset with a type of an extension is refused', () => {
  it.each<[string, Asked, string]>([
    [
      'that is not carried',
      { key: 'id', columns: 'id, range', from: 'source.others' },
      'dataset things has column range, and its type hidden.seg of the extension seg cannot be carried exactly; ' +
        'cast it in the query, for example to text',
    ],
    [
      'whose order is not the same everywhere, in its key',
      { key: 'name, n' },
      'dataset things names column name in its key, and the sort order of citext.citext differs between databases; ' +
        'leave it out, or cast it in the query',
    ],
    [
      'in its key as an array',
      { key: 'tagged' },
      'dataset things names column tagged in its key, and the sort order of hstore.hstore[] differs between databases',
    ],
    [
      'that is not sorted, in an index',
      { indexes: '[query]' },
      'dataset things names column query in its index, and PostgreSQL cannot sort ltree.lquery',
    ],
  ])('%s', async (_, asked, message) => {
    await expect(pair.services(datasetsFile(asked))).rejects.toMatchObject({
      code: 'DATASETS_FILE_INVALID',
      message: expect.stringContaining(message),
    });
  });
});
