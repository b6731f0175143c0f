import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, spawnApp, type TestDatabase } from '@rivulet/testing';
import { DEMO_MAC, SyncPair } from '../support/apps/sync-pair';

const datasets = `version: 1
scope:
  query: SELECT id AS device_id FROM public.devices WHERE mac_address = :mac_address
datasets:
  - { name: users, key: [id], query: "SELECT id, name FROM public.users" }
`;

describe('a source that is apart from the database of central', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-source-'));
  const file = join(directory, 'datasets.yaml');
  let source: TestDatabase;
  let role: string;
  let url: string;
  let pair: SyncPair;

  beforeAll(async () => {
    writeFileSync(file, datasets);
    source = await createTestDatabase();
    role = `reader_${new URL(source.url).pathname.slice(6)}`;
    await source.pool.query(`
      CREATE TABLE public.devices (id int PRIMARY KEY, mac_address text);
      INSERT INTO public.devices VALUES (1, '${DEMO_MAC}');
      CREATE TABLE public.users (id int PRIMARY KEY, name text); INSERT INTO public.users VALUES (1, 'Ada');
      CREATE ROLE ${role} LOGIN PASSWORD 'open sesame';
      GRANT SELECT ON public.devices, public.users TO ${role}`);
    url = Object.assign(new URL(source.url), { username: role, password: 'open sesame' }).href;
    pair = await SyncPair.start({
      central: {
        CENTRAL_SOURCE_DATABASE_URL: url,
        CENTRAL_DATASETS_FILE: file,
        CENTRAL_DEMO_DATA: 'false',
        CENTRAL_POLL_INTERVAL: '1s',
      },
    });
  });
  afterAll(async () => {
    await pair.stop();
    await source.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await source.drop();
    rmSync(directory, { recursive: true });
  });

  it('gives its rows to the edge, by a role that may only read, and has nothing of central', async () => {
    expect(await pair.syncNow()).toMatchObject({ status: 'applied', tables: [{ name: 'users', rows: 1 }] });
    expect(await pair.edgeRows('SELECT * FROM users')).toEqual(['(1,Ada)']);
    const { rows } = await source.pool.query(`SELECT to_regnamespace('rivulet') AS schema`);
    expect(rows).toEqual([{ schema: null }]);
    expect(await pair.centralRows(`SELECT to_regclass('public.companies')`)).toEqual(['()']);
  });

  it('is said to be read, with what is missing to notice its changes, and without its password', () => {
    const { host, pathname } = new URL(url);
    expect(pair.central.log).toContain(`read from ${host}${pathname}`);
    const told = pair.central.complaints.filter(({ msg }) => msg.includes('install-change-log.sql'));
    expect(told).toHaveLength(1);
    expect(pair.central.log).not.toContain('sesame');
  });

  it('is named by health', async () => {
    const { host, pathname } = new URL(url);
    const health: unknown = await (await fetch(`${pair.central.url}/health/ready`)).json();
    expect(health).toMatchObject({
      details: {
        source: { status: 'up', address: `${host}${pathname}` },
        datasets: { status: 'up', datasets: 1 },
      },
    });
  });

  it.each([
    ['a wrong password', (wrong: URL) => (wrong.password = 'wrong'), /password authentication failed/],
    [
      'a database that is not there',
      (wrong: URL) => (wrong.pathname = '/nowhere'),
      /database "nowhere" does not exist/,
    ],
  ])('stops the start when its URL has %s, with the variable', async (_, spoil, reason) => {
    const wrong = new URL(url);
    spoil(wrong);
    const central = spawnApp('central', {
      CENTRAL_DATABASE_URL: pair.centralDb.url,
      CENTRAL_SOURCE_DATABASE_URL: wrong.href,
      CENTRAL_DATASETS_FILE: file,
    });
    expect(await central.exited).toBe(1);
    const line = central.log.split('\n').find((text) => text.startsWith('central did not start'));
    expect(line).toContain(`The source database at ${wrong.host}${wrong.pathname} is not available: `);
    expect(line).toMatch(reason);
    expect(line).toContain('CENTRAL_SOURCE_DATABASE_URL is right');
  });
});
