import { Client, type Pool } from 'pg';
import { createSourcePool } from '@rivulet/datasets';
import { CentralFixture } from '../../apps/central/test/central-fixture';
import { CentralServices } from '../../apps/central/test/central-services';
import { runDatasetsTool } from '../../apps/datasets-cli/test/run-datasets-tool';
import { SyncCycleFixture } from '../../apps/edge/test/sync-cycle-fixture';
import { LocalHub } from '../support/apps/local-hub';

const macAddress = '48:b0:2d:e9:c3:b7';
const rows = `(1, 'ä', E'\\\\x'), (2, 'z', ''), (3, '"', NULL), (4, '''', '\u20AC')`;

const edge = new SyncCycleFixture();
let central: CentralFixture;
/** The source's own connections. */
let source: Pool;

beforeAll(() => edge.open());

beforeEach(async () => {
  central = await CentralFixture.create();
  await edge.begin();
});

afterEach(async () => {
  await source.end();
  await edge.end();
  await central.close();
});

afterAll(() => edge.close());

/** Syncs the table `t` of a database with this key, and returns what is then on the edge. */
async function sync(url: string, key: string): Promise<unknown> {
  source = createSourcePool({ url, applicationName: 'test', maxConnections: 5 });
  const fixture = Object.create(central, {
    database: { value: { ...central.database, pool: source } },
  }) as CentralFixture;
  const services = await CentralServices.start(
    fixture,
    `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address = '${macAddress}'" }
datasets: [{ name: t, key: [${key}], query: "SELECT id, k, v FROM public.t WHERE k <> 'it''s \\\\'" }]
`,
  );
  const { status, error } = await edge.sync({ hub: new LocalHub(services, macAddress) });
  expect([status, error]).toEqual(['applied', undefined]);
  return edge.select('SELECT id, k, v FROM t ORDER BY id');
}

const asWritten = [
  { id: 1, k: 'ä', v: '\\x' },
  { id: 2, k: 'z', v: '' },
  { id: 3, k: '"', v: null },
  { id: 4, k: "'", v: '\u20AC' },
];

describe('a source whose owner has set', () => {
  it.each([
    'standard_conforming_strings = off',
    'quote_all_identifiers = on',
    'search_path = nowhere',
    "DateStyle = 'SQL, DMY'",
    'default_transaction_isolation = serializable',
    'client_encoding = LATIN9',
    'row_security = off',
    'debug_parallel_query = on',
  ])('%s sends the same', async (setting) => {
    const { url, pool } = central.database;
    await pool.query(
      `CREATE TABLE public.t (id int PRIMARY KEY, k text UNIQUE, v text); INSERT INTO public.t VALUES ${rows}`,
    );
    await pool.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET ${setting}`);
    expect(await sync(url, 'k')).toEqual(asWritten);
  });
});

/** A database beside central's, which is dropped with it. */
async function withEncoding(encoding: string, work: (url: string) => Promise<void>): Promise<void> {
  const url = new URL(central.database.url);
  const name = `${url.pathname.slice(1)}_${encoding.toLowerCase()}`;
  url.pathname = `/${name}`;
  const { pool } = central.database;
  await pool.query(
    `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LOCALE_PROVIDER libc LOCALE 'C'`,
  );
  try {
    const client = new Client({ connectionString: url.href });
    await client.connect();
    const sent = encoding === 'LATIN1' ? rows.replace('\u20AC', '¤') : rows;
    await client.query(
      `CREATE TABLE public.t (id int PRIMARY KEY, k text, v text); INSERT INTO public.t VALUES ${sent}`,
    );
    await client.end();
    await work(url.href);
  } finally {
    await pool.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }
}

describe('a source in another encoding', () => {
  it('sends its texts', () =>
    withEncoding('WIN1252', async (url) => {
      expect(await sync(url, 'id')).toEqual(asWritten);
    }));

  it('that sorts as UTF-8 does may have them in keys', () =>
    withEncoding('LATIN1', async (url) => {
      expect(await sync(url, 'k')).toHaveLength(4);
    }));

  it('that does not may not', () =>
    withEncoding('WIN1252', async (url) => {
      const made = await runDatasetsTool(url, ['init', '--key', 't=k']);
      expect(made.errors).toContain(
        `"k" is in its key, and this database's encoding does not sort text as UTF-8 does`,
      );
      await expect(sync(url, 'k')).rejects.toThrow(
        'dataset t names column k in its key, and the sort order of text differs between databases',
      );
    }));
});
