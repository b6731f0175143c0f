import { setTimeout as delay } from 'node:timers/promises';
import { CentralFixture } from '../../test/central-fixture';
import { CentralServices } from '../../test/central-services';
import type { Snapshot } from './snapshot';

jest.setTimeout(30_000);

const SITES = 60;

const datasets = `version: 1
scope:
  query: SELECT id AS device_id, site FROM public.devices WHERE mac_address = :mac_address
datasets:
  - { name: stock, key: [id], query: "SELECT id, name FROM stock WHERE site = :site" }
  - { name: weights, key: [kg], query: "SELECT kg, site FROM weights WHERE site = :site" }
  - { name: products, key: [id], query: "SELECT id, name FROM products" }
`;

let fixture: CentralFixture;

beforeEach(async () => {
  fixture = await CentralFixture.create({ storeConnections: 10 });
  await fixture.database.pool.query(`
    CREATE TABLE public.devices (id int PRIMARY KEY, site int, mac_address text);
    INSERT INTO public.devices SELECT n, n, '${macOf(0).slice(0, -2)}' || lpad(to_hex(n), 2, '0') FROM generate_series(0, ${SITES - 1}) n;
    CREATE TABLE stock (id int, site int, name text);
    -- Of every fifth site there is nothing; of site 7 much.
    INSERT INTO stock SELECT n, n % ${SITES}, md5(n::text) FROM generate_series(1, 2000) n WHERE n % 5 <> 0;
    INSERT INTO stock SELECT n, 7, repeat(md5(n::text), 3) FROM generate_series(10000, 20000) n;
    CREATE TABLE weights (kg numeric, site int); INSERT INTO weights SELECT n / 10.0, n % ${SITES} FROM generate_series(1, 300) n;
    CREATE TABLE products (id int PRIMARY KEY, name text); INSERT INTO products SELECT n, md5(n::text) FROM generate_series(1, 50) n`);
});

afterEach(() => fixture.close());

function macOf(site: number): string {
  return `48:b0:2d:e9:c3:${site.toString(16).padStart(2, '0')}`;
}

async function query(text: string): Promise<void> {
  await fixture.database.pool.query(text);
}

async function snapshotsOf(central: CentralServices, site: number): Promise<Snapshot[]> {
  const known = await central.scopes.find({ macAddress: macOf(site) });
  return central.snapshots.bringUpToDate(known);
}

type Contents = [checksum: string, rows: number][];

async function contentsOf(central: CentralServices, site: number): Promise<Contents> {
  const snapshots = await snapshotsOf(central, site);
  return snapshots.map(({ checksum, rows }) => [checksum, rows]);
}

const sites = Array.from({ length: SITES }, (_, site) => site);

/** Each site's snapshot, read by itself by a central with an empty store. */
async function readAlone(): Promise<Contents[]> {
  await query('TRUNCATE rivulet.chunks, rivulet.snapshots CASCADE');
  const central = await CentralServices.start(fixture, datasets);
  const contents: Contents[] = [];
  for (const site of sites) contents.push(await contentsOf(central, site));
  return contents;
}

/** Transactions of the source in which scopes were read. */
async function valueOf(suffix: '_count' | '_sum'): Promise<number> {
  const { values } = await fixture.metrics.batchScopes.get();
  return values.find(({ metricName }) => metricName?.endsWith(suffix))?.value ?? 0;
}

describe('many scopes that are asked for at once', () => {
  it('have the content that each has by itself, and are read in a few transactions', async () => {
    const central = await CentralServices.start(fixture, datasets);
    const together = await Promise.all(sites.map((site) => contentsOf(central, site)));
    expect(await valueOf('_sum')).toBe(SITES);
    expect(await valueOf('_count')).toBeLessThan(SITES / 3);
    expect(together).toEqual(await readAlone());
  });

  it('are read by two centrals at once, each once', async () => {
    const centrals = await Promise.all([1, 2].map(() => CentralServices.start(fixture, datasets)));
    const read = await Promise.all(
      centrals.map((central) => Promise.all(sites.map((site) => contentsOf(central, site)))),
    );
    expect(read[0]).toEqual(read[1]);
    const { rows } = await fixture.database.pool.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM rivulet.snapshot_cache',
    );
    expect(rows).toEqual([{ n: 2 * SITES + 1 }]);
    expect((await fixture.metrics.snapshotsBuilt.get()).values[0]!.value).toBe(2 * SITES + 1);
  });

  it('do not fail for one whose rows are at fault, which says what is wrong', async () => {
    await query(`INSERT INTO stock VALUES (8, 8, 'again'); INSERT INTO weights VALUES (1.0, 9), (1.00, 9)`);
    const central = await CentralServices.start(fixture, datasets);
    const results = await Promise.allSettled(sites.map((site) => snapshotsOf(central, site)));
    const failed = results.flatMap((result, site) =>
      result.status === 'rejected' ? [[site, (result.reason as Error).message]] : [],
    );
    expect(failed).toEqual([
      [8, expect.stringMatching(/dataset stock has two rows with the key \(id\) = 8\.$/)],
      [9, expect.stringContaining('which PostgreSQL calls equal to 1.00')],
    ]);
    await query('DELETE FROM stock WHERE site = 8');
    expect(await contentsOf(central, 8)).toHaveLength(3);
  });

  it('are all served when the connection is lost on which they are read', async () => {
    const central = await CentralServices.start(fixture, datasets);
    await contentsOf(central, 0);
    const locker = await fixture.database.pool.connect();
    try {
      await locker.query('BEGIN; LOCK stock');
      const reading = Promise.all(sites.map((site) => contentsOf(central, site)));
      const waiting = `FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM stock%'`;
      // The first of them is read by itself.
      const waitingNow = (what: string): Promise<unknown[]> =>
        fixture.central.query(`SELECT ${what} ${waiting}`);
      while ((await waitingNow('pid')).length < 2) await delay(20);
      await waitingNow('pg_terminate_backend(pid)');
      await locker.query('COMMIT');
      expect(await reading).toHaveLength(SITES);
    } finally {
      locker.release(true);
    }
  });
});
