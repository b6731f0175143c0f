import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inProcessWith } from '../support/apps/pair-in-process';
import { DEMO_MAC, SyncPair } from '../support/apps/sync-pair';
import { FaultProxy } from '../support/attacks/fault-proxy';

/** Its rows take longer than the edge of this test waits in silence. */
const slowDatasets = `
version: 1
scope:
  query: SELECT id AS device_id FROM devices WHERE mac_address = :mac_address
datasets:
  - name: slow
    key: [id]
    query: SELECT id, name FROM groups, pg_sleep(6) WHERE :device_id IS NOT NULL
`;

describe('a central from which nothing comes (slow-silence)', () => {
  let proxy: FaultProxy;
  let pair: SyncPair;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'rivulet-slow-'));
    const file = join(directory, 'datasets.yaml');
    writeFileSync(file, slowDatasets);
    proxy = await FaultProxy.start();
    pair = await SyncPair.start({
      central: { CENTRAL_DATASETS_FILE: file },
      centralUrl: (url) => proxy.inFrontOf(url),
      starters: inProcessWith({ requestTimeoutMs: 3_000, retries: 0 }),
    });
  });
  afterAll(async () => {
    await pair.stop();
    await proxy.stop();
    rmSync(directory, { recursive: true });
  });

  it('is told from one that is at work for long, which says so', async () => {
    expect(await pair.syncNow()).toMatchObject({ status: 'applied' });

    const asked = proxy.requests.filter((line) => line.endsWith('/api/device-sync/request'));
    expect(asked.length).toBeGreaterThan(2);
    // One answer was made, however often it was asked for.
    expect(await pair.centralRows('SELECT count(*) FROM rivulet.sync_manifests')).toEqual(['(1)']);
    expect(await pair.centralRows('SELECT count(*) FROM rivulet.sync_requests')).toEqual(['(1)']);
  });

  it('is given up, and found again', async () => {
    proxy.once(/request$/, { kind: 'hang' });

    expect(await pair.syncNow()).toMatchObject({
      status: 'failed',
      error: {
        code: 'CENTRAL_UNREACHABLE',
        message: expect.stringContaining('did not answer in time') as string,
      },
    });
    expect(await pair.syncNow()).toMatchObject({ status: 'current' });
  });

  it('leaves a client that says nothing of it to wait', async () => {
    await pair.centralDb.pool.query(`UPDATE groups SET name = name || ' (new)'`);
    const body = { protocolVersion: 1, nonce: 'q83vEjRWeJCrze8SNFZ4kA', tables: [] };
    const ask = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${pair.central.url}/api/device-sync/request`, {
        method: 'POST',
        headers: { 'x-device-mac': DEMO_MAC, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });

    const [patient, impatient] = await Promise.all([ask({}), ask({ prefer: 'respond-async, wait=1' })]);

    expect(patient.status).toBe(200);
    expect(await patient.json()).toMatchObject({ status: 'update' });
    expect(impatient.status).toBe(202);
    expect(impatient.headers.get('preference-applied')).toBe('respond-async');
    expect(await impatient.json()).toEqual({ status: 'working' });
    expect((await ask({ prefer: 'respond-async, wait=20' })).status).toBe(200);
  });
});
