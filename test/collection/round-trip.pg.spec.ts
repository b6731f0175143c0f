import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator } from '../support/clients/collection-operator';
import { startEdgeInProcess } from '../support/apps/edge-in-process';
import type { RunningApp } from '../support/apps/running-app';
import { DEMO_MAC } from '../support/apps/sync-pair';
import { writeTemporaryFile } from '../support/documents/written-file';

const before = `
version: 1
scope:
  query: SELECT id AS device_id, is_active FROM devices WHERE mac_address = :mac_address
datasets:
  - name: companies
    key: [id]
    query: SELECT id, name FROM companies
`;
/** The rows of all sites but those that the device itself has given. */
const collectedDataset = `
  - name: site_notes
    key: [network_id, id]
    query: SELECT network_id, id, note FROM collected.site_notes
`;

const datasets = writeTemporaryFile('datasets.yaml', before);
const directory = mkdtempSync(join(tmpdir(), 'rivulet-round-trip-'));
const over = new AbortController();
let central: CentralInProcess;
let operator: CollectionOperator;
let sites: CollectingEdge[];
let other: RunningApp;
let otherDatabase: TestDatabase;

beforeAll(async () => {
  central = await CentralInProcess.start({
    CENTRAL_DEVICE_AUTH: 'mac',
    CENTRAL_DATASETS_FILE: datasets.path,
    CENTRAL_COLLECTION_POLL: '1h',
  });
  operator = new CollectionOperator(central);
  sites = await Promise.all([1, 2].map(() => CollectingEdge.join(central, { allow: ['notes'] })));
  for (const [index, { database }] of sites.entries())
    await database.pool.query(
      `CREATE TABLE notes AS SELECT n AS id, 'site ${index}' AS note FROM generate_series(1, 50) AS n`,
    );
  otherDatabase = await createTestDatabase();
  other = await startEdgeInProcess(
    {
      EDGE_DATABASE_URL: otherDatabase.url,
      EDGE_MAC_ADDRESS: DEMO_MAC,
      EDGE_CENTRAL_URL: central.url,
      EDGE_LIVE: 'true',
      EDGE_SYNC_SCHEDULE: '1h',
      EDGE_FIRST_SYNC_DELAY: '0',
      EDGE_COLLECT_ALLOW: 'mirrors',
      EDGE_COLLECT_SPOOL: directory,
      EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
    },
    {},
  );
  await until(async () => {
    const response = await fetch(`${other.url}/api/sync/status`);
    return ((await response.json()) as { live: { connected: boolean } }).live.connected;
  });
});
afterAll(async () => {
  over.abort();
  await other.stop();
  await otherDatabase.drop();
  await Promise.all(sites.map((site) => site.stop()));
  await central.stop();
  datasets.remove();
  rmSync(directory, { recursive: true });
});

/** Ends with the tests, also when it never comes true. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!over.signal.aborted && !(await isTrue())) await delay(20);
}

async function notesOf(pool: TestDatabase['pool'], from: string): Promise<unknown> {
  const { rows } = await pool.query<{ notes: string }>(
    `SELECT string_agg(format('%s %s', id, note), ', ' ORDER BY id, note) AS notes FROM ${from}`,
  );
  return rows[0]!.notes;
}

/** What the sites themselves have. */
async function expectRoundTrip(): Promise<void> {
  for (const { networkId, database } of sites) {
    const own = await notesOf(database.pool, 'notes');
    expect(await notesOf(otherDatabase.pool, `site_notes WHERE network_id = '${networkId}'`)).toBe(own);
  }
}

async function isChanged(): Promise<boolean> {
  const { rowCount } = await otherDatabase.pool.query("SELECT FROM site_notes WHERE note = 'changed'");
  return rowCount === 1;
}

async function syncNow(): Promise<string> {
  const response = await fetch(`${other.url}/api/sync/now`, { method: 'POST' });
  return ((await response.json()) as { status: string }).status;
}

it('rows that are collected from some edges are a dataset for others, and changes follow at once', async () => {
  const schema = { name: 'notes', sql_command: 'SELECT * FROM notes', target_table: 'site_notes' };
  const job = await operator.define(schema, sites);
  expect((await operator.run(job, sites)).state).toBe('succeeded');
  datasets.write(before + collectedDataset);
  expect((await central.call('POST', '/api/operators/datasets/reload'))[0]).toBe(200);
  expect(await syncNow()).toBe('applied');
  await expectRoundTrip();

  await sites[0]!.database.pool.query(
    "DELETE FROM notes WHERE id > 40; UPDATE notes SET note = 'changed' WHERE id = 7",
  );
  expect((await operator.run(job, sites)).state).toBe('succeeded');
  // The commit of central is a change of the source: the other edge is nudged.
  await until(isChanged);
  await expectRoundTrip();
});

it('a connected edge does a run at once, long before it asks by itself', async () => {
  const [, { devices }] = await central.call<{ devices: { deviceId: string }[] }>(
    'GET',
    `/api/devices?macAddress=${DEMO_MAC}`,
  );
  const schema = { name: 'back', sql_command: 'SELECT * FROM site_notes', key: ['network_id', 'id'] };
  const refused = await central.call('POST', '/api/schemas', { ...schema, target_table: 'brought_back' });
  // Central itself adds network_id.
  expect(refused).toMatchObject([400, { code: 'REQUEST_INVALID' }]);
  const renamed = {
    ...schema,
    sql_command: 'SELECT network_id AS site, id, note FROM site_notes',
    key: ['site', 'id'],
  };
  const job = await operator.define({ ...renamed, target_table: 'brought_back' }, [
    { networkId: devices[0]!.deviceId },
  ]);
  const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
  await until(async () => (await operator.outcome(id)).state !== 'running');
  expect(await operator.outcome(id)).toMatchObject({ state: 'succeeded', rows: 90 });
});
