import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { escapeIdentifier as q, escapeLiteral, type Pool } from 'pg';
import { CentralFixture } from '../../apps/central/test/central-fixture';
import { CentralServices } from '../../apps/central/test/central-services';
import { runDatasetsTool, type ToolRun } from '../../apps/datasets-cli/test/run-datasets-tool';
import { yamlText } from '../../apps/datasets-cli/src/init/sql-names';
import { SyncCycleFixture } from '../../apps/edge/test/sync-cycle-fixture';
import { ForgetfulHub, LocalHub } from '../support/apps/local-hub';

const macAddress = '48:b0:2d:e9:c3:b7';

/** Each would do harm if it ended the quotes, the comment or the statement that it is put in. */
const names = [
  'x"; DROP TABLE victims; --',
  "'); DELETE FROM victims; --",
  "x'; DELETE FROM victims; --",
  '\\"; DELETE FROM victims; --',
  "\\'; DELETE FROM victims; --",
  "' || (DELETE FROM victims) || '",
  '$$; DELETE FROM victims; $$',
  '$x$); DELETE FROM victims; --',
  '*/ DELETE FROM victims; /*',
  '--\n; DELETE FROM victims; --',
  '\r; DELETE FROM victims;',
  ':mac_address',
  '%I %s $1; DELETE FROM victims',
  '"); DELETE FROM victims; --',
  '\\.',
  "{'}; DELETE FROM victims",
  ' ',
];

/** Roles are the server's, which other tests use as well. */
const roleOf = (name: string): string => `${name} ${process.pid}`;

const VICTIMS = 'CREATE TABLE public.victims AS SELECT generate_series(1, 3) AS id';

const source = names
  .map((name, index) => {
    const [column, other] = [q(`${name}k`), q(`${name}v`)];
    return `
      CREATE SCHEMA ${q(name)};
      CREATE TYPE ${q(name)}.${q(`${name}e`)} AS ENUM (${escapeLiteral(name)}, 'other');
      CREATE DOMAIN ${q(name)}.${q(`${name}d`)} AS text CHECK (VALUE <> ${escapeLiteral(`${name}!`)});
      CREATE TABLE ${q(name)}.${q(name)} (
        ${column} ${q(name)}.${q(`${name}d`)}, ${other} ${q(name)}.${q(`${name}e`)} DEFAULT ${escapeLiteral(name)}, no int,
        PRIMARY KEY (${column}, no));
      INSERT INTO ${q(name)}.${q(name)} SELECT ${escapeLiteral(name)}, ${escapeLiteral(name)}, n
      FROM generate_series(1, ${index % 4 === 1 ? 6_000 : 3}) AS n`;
  })
  .join(';');

const devices = `
  CREATE TABLE public.devices (mac text, id text, "${'a".b; --'.replaceAll('"', '""')}" text, owner text, owners text[]);
  INSERT INTO public.devices SELECT '${macAddress}', n.list[1], n.list[2], n.list[3], n.list
  FROM (VALUES (ARRAY[${names.map(escapeLiteral).join(', ')}])) AS n (list)`;

interface Variant {
  /** Behind the names of tables and schemas on the edge. */
  ending?: string;
  without?: string;
  moreColumns?: string;
}

/** Every name wherever a file takes one, and a query that is given all of them as values. */
function datasetsFile({ ending = '', without, moreColumns = '' }: Variant = {}): string {
  const datasets = names.map((name) => {
    const [key, value] = [`${name}k`, `${name}v`];
    const columns = `no, ${q(value)}, ${q(key)}${moreColumns}`;
    const query = `SELECT ${columns} FROM ${q(name)}.${q(name)} WHERE ${q(key)} = ANY (:owners)`;
    return `
  - name: ${yamlText(name)}
    table: ${yamlText(name + ending)}
    schema: ${yamlText(name + ending)}
    grants: [${yamlText(roleOf(name))}]
    onRemove: drop
    key: [${yamlText(key)}, no]
    indexes: [[${yamlText(value)}], [no, ${yamlText(value)}]]
    query: ${JSON.stringify(query)}`;
  });
  const kept = datasets.filter((_, index) => names[index] !== without);
  return `version: 1
scope:
  query: SELECT id AS device_id, devices.* FROM (SELECT * FROM public.devices) AS devices WHERE mac = :mac_address
datasets:
  - name: values
    key: [owner]
    query: SELECT o AS owner, :owner AS one, :owners AS "all", :id || '' AS id FROM unnest(:owners) AS o${kept.join('')}
`;
}

let central: CentralFixture;
let folder: string;
let file: string;
const edge = new SyncCycleFixture();

beforeAll(async () => {
  central = await CentralFixture.create();
  await central.database.pool.query(`${VICTIMS}; ${source}; ${devices}`);
  await edge.open();
  await edge.begin();
  await edge.database.pool.query(VICTIMS);
  for (const name of names) await edge.database.pool.query(`CREATE ROLE ${q(roleOf(name))}`);
  folder = mkdtempSync(join(tmpdir(), 'rivulet-names-'));
  file = join(folder, 'datasets.yaml');
  writeFileSync(file, datasetsFile());
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  for (const name of names) {
    await edge.database.pool.query(`DROP OWNED BY ${q(roleOf(name))}; DROP ROLE ${q(roleOf(name))}`);
  }
  await edge.end();
  await edge.close();
  await central.close();
});

/** All that there is in a database, but for what PostgreSQL numbers itself. */
async function everything(pool: Pool): Promise<unknown> {
  const { rows } = await pool.query(`
    SELECT (SELECT json_agg(id ORDER BY id) FROM public.victims) AS victims,
      (SELECT json_agg(nspname ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_t') AS schemas,
      (SELECT json_agg(json_build_array(nspname, relname, relkind) ORDER BY nspname, relname) FROM pg_class
       JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname !~ '^pg_|^information_schema|^rivulet$') AS relations,
      (SELECT json_agg(proname ORDER BY pg_proc.oid) FROM pg_proc
       WHERE pg_proc.oid >= 16384 AND pronamespace::regnamespace::text <> 'rivulet') AS functions`);
  return rows[0];
}

function run(...argv: string[]): Promise<ToolRun> {
  return runDatasetsTool(central.database.url, argv);
}

/** The rows of all tables of these names, in one order. */
async function contents(pool: Pool, table: (name: string) => string): Promise<string[][]> {
  const tables: string[][] = [];
  for (const name of names) {
    const row = `(${q(`${name}k`)}, no, ${q(`${name}v`)})::text`;
    const { rows } = await pool.query<{ row: string }>(`SELECT ${row} AS row FROM ${table(name)} ORDER BY 1`);
    tables.push(rows.map(({ row: text }) => text));
  }
  return tables;
}

async function expectEqual(ending = ''): Promise<void> {
  const wanted = await contents(central.database.pool, (name) => `${q(name)}.${q(name)}`);
  expect(await contents(edge.database.pool, (name) => `${q(name + ending)}.${q(name + ending)}`)).toEqual(
    wanted,
  );
}

it('the command takes hostile names for names', async () => {
  const before = await everything(central.database.pool);
  const checked = await run('check', '--file', file, '--mac', macAddress, '--columns');
  expect([checked.code, checked.errors]).toEqual([0, '']);
  expect(checked.output).not.toContain('\r');
  const asked = names.map((name) => `--dataset=${name}`);
  const previewed = await run('preview', '--file', file, '--mac', macAddress, ...asked);
  expect([previewed.code, previewed.errors]).toEqual([0, '']);
  const explained = await run('explain', '--file', file, '--mac', macAddress, '--analyze', ...asked);
  expect([explained.code, explained.errors]).toEqual([0, '']);
  const out = join(folder, 'starter.yaml');
  const keys = names.map((name) => `--key=${[name, name].map(q).join('.')}=${q(`${name}k`)},no`);
  const made = await run('init', '--out', out, ...names.map((name) => `--schema=${name}`), ...keys);
  expect([made.code, made.errors]).toEqual([0, '']);
  expect((await run('check', '--file', out, '--mac', macAddress)).code).toBe(0);
  expect(
    readFileSync(out, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('  - name: ')),
  ).toHaveLength(names.length);
  for (const name of names) expect((await run('check', '--file', file, `--mac=${name}`)).code).toBe(2);
  expect(await everything(central.database.pool)).toEqual(before);
});

it('syncs take hostile names and values for names and values', async () => {
  const before = await everything(central.database.pool);
  const services = await CentralServices.start(central, datasetsFile());
  const hub = new LocalHub(services, macAddress);
  const actions = new Set<string>();
  const sync = async (options: Parameters<typeof edge.sync>[0]): Promise<void> => {
    const { status, error } = await edge.sync(options);
    expect([status, error, edge.warnings]).toEqual(['applied', undefined, []]);
    hub.actions.forEach((action) => actions.add(action));
    await expectEqual();
  };
  await sync({ hub });
  const change = names.map(
    (name) => `UPDATE ${q(name)}.${q(name)} SET ${q(`${name}v`)} = 'other' WHERE no % 97 = `,
  );
  await central.database.pool.query(change.map((statement) => `${statement} 1`).join(';'));
  await sync({ hub });
  await central.database.pool.query(change.map((statement) => `${statement} 2`).join(';'));
  await sync({ hub: new ForgetfulHub(services, macAddress) });
  await central.database.pool.query(
    names.map((name) => `DELETE FROM ${q(name)}.${q(name)} WHERE no % 97 = 3`).join(';'),
  );
  await sync({ hub, applyMode: 'truncate' });
  await edge.database.pool.query(`UPDATE ${q(names[1]!)}.${q(names[1]!)} SET no = -no WHERE no % 100 = 9`);
  expect((await edge.scrub()).status).toBe('deviating');
  expect((await edge.scrub({ repair: true })).error).toBeUndefined();
  expect([...actions].toSorted()).toEqual(expect.arrayContaining(['load', 'patch']));
  for (const name of names) {
    await expect(services.scopes.find({ macAddress: name })).rejects.toMatchObject({
      code: 'DEVICE_UNKNOWN',
    });
  }
  const values = await edge.select<{ owner: string; one: string; all: string[] }>(
    'SELECT * FROM "values" ORDER BY owner',
  );
  expect(values.map(({ owner }) => owner).toSorted()).toEqual(names.toSorted());
  expect(values[0]).toMatchObject({ one: names[2], all: names, id: names[0] });
  expect(await everything(central.database.pool)).toEqual(before);
});

it('changes of the file take hostile names for names', async () => {
  const before = await everything(central.database.pool);
  const steps: [string, Variant, string][] = [
    ['as it was', {}, ''],
    ['another column', { moreColumns: `, no * 2 AS "'"` }, ''],
    ['other places', { ending: '"; --' }, '"; --'],
    ['one less', { ending: '"; --', without: names[0]! }, '"; --'],
    ['all again', {}, ''],
  ];
  for (const [step, variant, ending] of steps) {
    const hub = new LocalHub(await CentralServices.start(central, datasetsFile(variant)), macAddress);
    const { status, error } = await edge.sync({ hub });
    expect([step, status === 'failed', error]).toEqual([step, false, undefined]);
    if (variant.without === undefined) await expectEqual(ending);
  }
  expect(await everything(central.database.pool)).toEqual(before);
});

it('nothing but the mirrors has come to the edge', async () => {
  const { rows } = await edge.database.pool.query<{ name: string; comment: string; readers: string[] }>(`
    SELECT relname AS name, obj_description(class.oid, 'pg_class') AS comment,
      ARRAY(SELECT grantee::regrole::text FROM aclexplode(relacl) WHERE grantee <> relowner) AS readers
    FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname !~ '^pg_|^information_schema|^rivulet$' AND relkind <> 'i'`);
  expect(rows.map(({ name }) => name).toSorted()).toEqual(['values', 'victims', ...names].toSorted());
  for (const name of names) {
    const { comment, readers } = rows.find((row) => row.name === name)!;
    expect([comment, readers]).toEqual([`Rivulet mirror of dataset ${name}`, [q(roleOf(name))]]);
  }
  expect(await edge.select('SELECT count(*)::int AS count FROM victims')).toEqual([{ count: 3 }]);
});
