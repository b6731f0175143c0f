import type { Manifest } from '@rivulet/protocol';
import { DeviceClient, someUlid, validRequest } from '../support/clients/device-client';
import { CentralInProcess } from '../support/apps/central-in-process';
import { DEMO_MAC } from '../support/apps/sync-pair';

interface Listed {
  devices: { deviceId: string; name: string }[];
  cursor?: string;
}

const UNKNOWN = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const device = { 'x-device-mac': DEMO_MAC };

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac' });
});
afterAll(() => central.stop());
beforeEach(async () => {
  await central.database.pool.query('TRUNCATE rivulet.devices, rivulet.device_removals CASCADE');
});

async function request(): Promise<[number, Record<string, unknown>]> {
  return central.call('POST', '/api/device-sync/request', validRequest, device);
}

async function create(name: string, more: object = {}): Promise<string> {
  const [, created] = await central.call<{ deviceId: string }>('POST', '/api/devices', { name, ...more });
  return created.deviceId;
}

type Issued = Pick<Manifest, 'manifestId' | 'schemaVersion' | 'tables'>;

function issued([, answer]: [number, object]): Issued {
  const { manifest } = answer as { manifest: string };
  return JSON.parse(Buffer.from(manifest.split('.')[1]!, 'base64url').toString()) as Issued;
}

function held(tables: Issued['tables']): object[] {
  return tables.map(({ name, fingerprint, checksum }) => ({ name, fingerprint, checksum }));
}

describe('the routes of the registry', () => {
  it('list the devices by what is asked, a page at a time', async () => {
    for (const name of ['a', 'b', 'c'])
      await create(name, { labels: { site: name === 'b' ? 'AUS' : 'SFO' } });

    const [, first] = await central.call<Listed>('GET', '/api/devices?sort=-name&limit=2');
    expect(first.devices.map(({ name }) => name)).toEqual(['c', 'b']);
    const [, second] = await central.call<Listed>(
      'GET',
      `/api/devices?sort=-name&limit=2&cursor=${first.cursor!}`,
    );
    expect(second.devices.map(({ name }) => name)).toEqual(['a']);
    expect(second.cursor).toBeUndefined();
    const [, labelled] = await central.call<Listed>('GET', '/api/devices?labels=site:SFO');
    expect(labelled.devices.map(({ name }) => name)).toEqual(['a', 'c']);
  });

  it.each([
    'limit=0',
    'limit=x',
    'sort=secret',
    'labels=a',
    'seenAfter=2026',
    'cursor=x',
    'status=gone',
    'colour=red',
  ])('refuse the query %s', async (query) => {
    expect(await central.call('GET', `/api/devices?${query}`)).toMatchObject([
      400,
      { code: 'REQUEST_INVALID' },
    ]);
  });

  it('register, rename, label, revoke, reinstate and delete a device', async () => {
    const deviceId = await create('gate', { macAddress: '48-B0-2D-00-00-01' });
    const path = `/api/devices/${deviceId}`;
    expect(
      await central.call('POST', '/api/devices', { name: 'x', macAddress: '48b02d000001' }),
    ).toMatchObject([409, { code: 'DEVICE_MAC_TAKEN' }]);
    expect(await central.call('PATCH', path, { name: 'door', labels: { floor: '2' } })).toMatchObject([
      200,
      { name: 'door', labels: { floor: '2' }, macAddress: '48:b0:2d:00:00:01' },
    ]);
    expect(await central.call('POST', `${path}/revoke`, { reason: 'stolen' })).toMatchObject([
      200,
      { status: 'revoked', statusReason: 'stolen' },
    ]);
    expect(await central.call('POST', `${path}/approve`)).toMatchObject([
      409,
      { code: 'DEVICE_STATUS_CONFLICT' },
    ]);
    expect(await central.call('POST', `${path}/reinstate`)).toMatchObject([200, { status: 'active' }]);
    expect(await central.call('DELETE', path)).toMatchObject([200, { deviceId }]);
    expect(await central.call('GET', path)).toMatchObject([404, { code: 'DEVICE_NOT_REGISTERED' }]);
    expect(await central.call('DELETE', `/api/devices/${UNKNOWN}`)).toMatchObject([404, {}]);
  });

  it.each([
    [{ name: '' }],
    [{ name: 'a\u0007' }],
    [{ labels: { a: 1 } }],
    [{ labels: ['a'] }],
    [{ labels: { 'a b': 'c' } }],
    [{ labels: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`l${index}`, ''])) }],
    [{ status: 'active' }],
  ])('refuse the change %j', async (changes) => {
    const deviceId = await create('gate');
    expect(await central.call('PATCH', `/api/devices/${deviceId}`, changes)).toMatchObject([
      400,
      { code: 'REQUEST_INVALID' },
    ]);
  });

  it('show what a device that synced is, sees, has been given and would get', async () => {
    await request();
    const [, { devices }] = await central.call<Listed>('GET', `/api/devices?macAddress=${DEMO_MAC}`);
    await request();
    const path = `/api/devices/${devices[0]!.deviceId}`;

    expect(await central.call('GET', path)).toMatchObject([
      200,
      {
        keys: [],
        scope: { parameters: { company_id: '1' } },
        syncs: [{ status: null, manifestId: expect.stringMatching(/^[0-9A-Z]{26}$/) }],
        proved: null,
      },
    ]);
    const [status, preview] = await central.call<{ datasets: { name: string; rows: number }[] }>(
      'GET',
      `${path}/preview`,
    );
    expect(status).toBe(200);
    expect(preview.datasets.find(({ name }) => name === 'users')?.rows).toBeGreaterThan(100);
  });

  it('have a device refill every mirror, once', async () => {
    const found = await central.database.pool.query<{ mac: string }>(
      'SELECT mac_address AS mac FROM public.devices WHERE mac_address <> $1 AND is_active LIMIT 1',
      [DEMO_MAC],
    );
    const { mac } = found.rows[0]!;
    const own = { 'x-device-mac': mac };
    const deviceId = await create('gate', { macAddress: mac });
    const client = new DeviceClient(central.url);
    let last = issued(await client.post('request', validRequest, own));
    const ask = async () => {
      const { manifestId: lastManifestId, schemaVersion, tables } = last;
      return client.post(
        'request',
        { ...validRequest, lastManifestId, schemaVersion, tables: held(tables) },
        own,
      );
    };
    const report = async () => {
      const { manifestId, tables } = last;
      const proved = tables.map(({ name, rows, checksum }) => ({ name, rows, checksum }));
      const said = { cycleId: someUlid, finishedAt: '2026-11-27T08:15:30Z', durationMs: 1, tables: proved };
      const [status] = await client.post('acknowledgements', { manifestId, status: 'applied', ...said }, own);
      expect(status).toBe(200);
    };
    await report();
    expect(await ask()).toMatchObject([200, { status: 'current' }]);

    await central.call('POST', `/api/devices/${deviceId}/resync`);
    const answer = await ask();
    expect(answer).toMatchObject([200, { status: 'update', resync: true }]);
    const { plan } = answer[1] as unknown as { plan: { tables: { action: string }[] } };
    expect(plan.tables.map(({ action }) => action)).toEqual(last.tables.map(() => 'load'));
    last = issued(answer);
    await report();
    expect(await ask()).toMatchObject([200, { status: 'current' }]);
  });

  it('say why a device has no scope', async () => {
    const deviceId = await create('gate', { macAddress: '48:b0:2d:00:00:01' });
    expect(await central.call('GET', `/api/devices/${deviceId}`)).toMatchObject([
      200,
      { scope: { code: 'DEVICE_UNKNOWN' } },
    ]);
    const agent = await create('worker', { kind: 'agent' });
    expect(await central.call('GET', `/api/devices/${agent}/preview`)).toMatchObject([
      404,
      { code: 'DEVICE_UNKNOWN' },
    ]);
  });

  it('are not for whoever is not logged in, also on this machine', async () => {
    for (const path of ['devices', 'networks', 'enrolment-tokens']) {
      const nobody = { authorization: '' };
      expect(await central.call('GET', `/api/${path}`, undefined, nobody)).toMatchObject([401, {}]);
    }
  });
});

describe('the networks of the DSP platform', () => {
  it('are the devices of the registry, under the names of its document', async () => {
    const [created, network] = await central.call<{ id: string }>('POST', '/api/networks', {
      name: 'tenant-1',
    });
    expect([created, network]).toMatchObject([
      201,
      { name: 'tenant-1', status: 'offline', registry_status: 'active', mac_address: null, last_seen: null },
    ]);
    expect(await central.call('PUT', `/api/networks/${network.id}`, { name: 'tenant-2' })).toMatchObject([
      200,
      { id: network.id, name: 'tenant-2' },
    ]);
    expect(await central.call('GET', '/api/networks')).toMatchObject([
      200,
      [{ id: network.id, name: 'tenant-2' }],
    ]);
    expect(await central.call('GET', `/api/devices/${network.id}`)).toMatchObject([200, { kind: 'agent' }]);
    expect(await central.call('DELETE', `/api/networks/${network.id}`)).toEqual([204, undefined]);
    expect(await central.call('GET', `/api/networks/${network.id}`)).toMatchObject([404, {}]);
  });
});
