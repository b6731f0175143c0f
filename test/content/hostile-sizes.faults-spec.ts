import { CentralFixture } from '../../apps/central/test/central-fixture';
import { CentralServices } from '../../apps/central/test/central-services';
import { SyncCycleFixture } from '../../apps/edge/test/sync-cycle-fixture';
import type { SyncResult } from '../../apps/edge/src/state/sync-result';
import { LocalHub } from '../support/apps/local-hub';

const macAddress = '48:b0:2d:e9:c3:b7';
const MiB = 1024 * 1024;

let central: CentralFixture;
const edge = new SyncCycleFixture();

beforeAll(() => edge.open());

beforeEach(async () => {
  central = await CentralFixture.create();
  await edge.begin();
});

afterEach(async () => {
  await edge.end();
  await central.close();
});

afterAll(() => edge.close());

/** A text that hardly compresses. */
function text(bytes: number): string {
  return `(SELECT left(string_agg(encode(sha512(n::text::bytea), 'hex'), ''), ${bytes}) FROM generate_series(1, ${Math.ceil(bytes / 128)}) n)`;
}

/** A hub for these datasets, each a line of YAML, on these tables. */
async function hubFor(tables: string, datasets: string[]): Promise<LocalHub> {
  await central.database.pool.query(tables);
  const scope = `SELECT 1 AS device_id WHERE :mac_address = '${macAddress}'`;
  const file = [
    'version: 1',
    `scope: { query: "${scope}" }`,
    'datasets:',
    ...datasets.map((line) => `  - ${line}`),
  ];
  return new LocalHub(await CentralServices.start(central, `${file.join('\n')}\n`), macAddress);
}

/** What both sides say to a query. */
async function bothSay(query: string): Promise<[unknown, unknown]> {
  const atCentral = await central.database.pool.query(query);
  const atEdge = await edge.database.pool.query(query);
  return [atCentral.rows, atEdge.rows];
}

function actionsOf({ tables }: SyncResult): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { action } of tables) counts[action] = (counts[action] ?? 0) + 1;
  return counts;
}

it('200 datasets', async () => {
  const numbers = Array.from({ length: 200 }, (_, index) => index);
  const tables = numbers.map(
    (n) =>
      `CREATE TABLE public.t${n} (id int PRIMARY KEY, v text); INSERT INTO t${n} SELECT n, 'v' || n FROM generate_series(1, ${n}) n`,
  );
  const datasets = numbers.map(
    (n) => `{ name: t${n}, key: [id], indexes: [[v]], query: SELECT * FROM t${n} }`,
  );
  const hub = await hubFor(tables.join(';'), datasets);
  const sums = numbers.map(
    (n) => `SELECT ${n} AS n, count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM public.t${n} t`,
  );

  const first = await edge.sync({ hub });
  expect([first.status, actionsOf(first)]).toEqual(['applied', { created: 200 }]);
  const [wanted, mirrored] = await bothSay(`${sums.join(' UNION ALL ')} ORDER BY n`);
  expect(mirrored).toEqual(wanted);
  await central.database.pool.query(`UPDATE public.t199 SET v = 'new' WHERE id = 7; TRUNCATE public.t3`);
  const second = await edge.sync({ hub });
  expect([second.status, second.tables.filter(({ action }) => action !== 'unchanged').length]).toEqual([
    'applied',
    2,
  ]);
  const [wantedThen, mirroredThen] = await bothSay(`${sums.join(' UNION ALL ')} ORDER BY n`);
  expect(mirroredThen).toEqual(wantedThen);
});

describe('a row of megabytes', () => {
  const dataset = '{ name: big, key: [id], query: "SELECT * FROM big" }';
  const sums = 'SELECT id, length(v), md5(v) FROM public.big ORDER BY id';
  it('travels, alone and among others, changed and deleted', async () => {
    const hub = await hubFor(
      `CREATE TABLE public.big (id int PRIMARY KEY, v text);
       INSERT INTO public.big SELECT n, repeat('x', 200) FROM generate_series(1, 2000) n;
       UPDATE public.big SET v = ${text(8 * MiB)} WHERE id = 777`,
      [dataset],
    );
    const changes = [
      'SELECT 1',
      `UPDATE public.big SET v = v || '!' WHERE id = 777`,
      `INSERT INTO public.big SELECT 5000, v FROM public.big WHERE id = 777`,
      'DELETE FROM public.big WHERE id = 777',
      `UPDATE public.big SET v = ${text(16 * MiB - 1_000)} WHERE id = 1`,
    ];
    for (const change of changes) {
      await central.database.pool.query(change);
      const { status, error } = await edge.sync({ hub });
      expect([change, status, error]).toEqual([change, 'applied', undefined]);
      const [wanted, mirrored] = await bothSay(sums);
      expect(mirrored).toEqual(wanted);
    }
  });

  it('of more than 16 MiB is refused by name, and the old rows stay', async () => {
    const hub = await hubFor(
      `CREATE TABLE public.big (id int PRIMARY KEY, v text); INSERT INTO public.big VALUES (1, 'small')`,
      [dataset],
    );
    expect((await edge.sync({ hub })).status).toBe('applied');
    await central.database.pool.query(`UPDATE public.big SET v = ${text(16 * MiB)}`);
    const { status, error } = await edge.sync({ hub });
    expect([status, error?.code]).toEqual(['failed', 'ROW_TOO_LARGE']);
    expect(error!.message).toContain('dataset big has a row of more than 16MiB at (id) = 1.');
    expect(await edge.select('SELECT * FROM big')).toEqual([{ id: 1, v: 'small' }]);
  });
});

it('a row that no page of the edge can hold is refused, and leaves nothing', async () => {
  const columns = Array.from({ length: 1_500 }, (_, n) => `md5(id || '-${n}')::uuid AS c${n}`);
  const hub = await hubFor('CREATE TABLE public.t (id int PRIMARY KEY); INSERT INTO public.t VALUES (1)', [
    `{ name: t, key: [id], query: "SELECT id, ${columns.join(', ')} FROM t" }`,
  ]);
  const { status, error } = await edge.sync({ hub });
  expect([status, error?.code]).toEqual(['failed', 'ROW_TOO_LARGE']);
  expect(error!.message).toMatch(/does not fit into a page of PostgreSQL, .*: row is too big/);
  expect(error!.nextStep).toContain('two datasets');
  expect(await edge.select(`SELECT to_regclass('t') AS t`)).toEqual([{ t: null }]);
});
