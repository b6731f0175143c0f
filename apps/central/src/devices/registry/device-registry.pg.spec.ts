import { CentralFixture } from '../../../test/central-fixture';
import { RegistryProcess } from '../../../test/devices-fixture';

const MAC = '48:b0:2d:e9:c3:b7';
const UNKNOWN = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

let fixture: CentralFixture;
let central: RegistryProcess;

beforeAll(async () => {
  fixture = await CentralFixture.create();
});
afterAll(() => fixture.close());
beforeEach(async () => {
  await fixture.database.pool.query('TRUNCATE rivulet.devices, rivulet.device_removals CASCADE');
  central = new RegistryProcess(fixture);
});

describe('the registry', () => {
  it('keeps what is said of a device', async () => {
    const labels = { site: 'SFO', 'example.com/floor': '2' };
    const created = await central.registry.create({ name: 'gate', kind: 'agent', status: 'pending', labels });

    expect(await central.registry.get(created.deviceId)).toEqual(created);
    expect(created).toMatchObject({
      name: 'gate',
      kind: 'agent',
      status: 'pending',
      macAddress: null,
      labels,
    });
  });

  it('has one device for a MAC address, also when two register it at once', async () => {
    const attempts = await Promise.allSettled(
      [1, 2, 3, 4].map((number) =>
        central.registry.create({ name: `gate ${number}`, macAddress: MAC, kind: 'edge', status: 'active' }),
      ),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refusals = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason] : []));
    expect(refusals).toMatchObject([1, 2, 3].map(() => ({ code: 'DEVICE_MAC_TAKEN' })));
    await central.registry.registerByMac(MAC);
    expect((await central.list.page({ sort: 'name', descending: false, limit: 10 })).devices).toHaveLength(1);
  });

  it('renames and labels a device, and leaves the rest', async () => {
    const { deviceId } = await central.registry.create({ name: 'a', kind: 'edge', status: 'active' });
    await central.registry.change(deviceId, { name: 'b' });
    expect(await central.registry.change(deviceId, { labels: { site: 'AUS' } })).toMatchObject({
      name: 'b',
      labels: { site: 'AUS' },
      status: 'active',
    });
  });

  it('changes a status only from those that allow it', async () => {
    const { deviceId } = await central.registry.create({ name: 'a', kind: 'edge', status: 'pending' });

    await expect(central.registry.setStatus(deviceId, 'quarantined', ['active'])).rejects.toMatchObject({
      code: 'DEVICE_STATUS_CONFLICT',
    });
    expect(await central.registry.setStatus(deviceId, 'active', ['pending'])).toMatchObject({
      status: 'active',
    });
    expect(await central.registry.setStatus(deviceId, 'active', ['pending'])).toMatchObject({
      status: 'active',
    });
  });

  it('says of a device that is not there that it is not', async () => {
    const missing = { code: 'DEVICE_NOT_REGISTERED' };
    await expect(central.registry.get(UNKNOWN)).rejects.toMatchObject(missing);
    await expect(central.registry.change(UNKNOWN, { name: 'x' })).rejects.toMatchObject(missing);
    await expect(central.registry.remove(UNKNOWN)).rejects.toMatchObject(missing);
    await expect(central.registry.setStatus(UNKNOWN, 'revoked', ['active'])).rejects.toMatchObject(missing);
  });

  it('keeps a request for a full resync that came after the one which was answered', async () => {
    const { deviceId } = await central.registry.create({ name: 'a', kind: 'edge', status: 'active' });
    const first = (await central.registry.requestResync(deviceId)).resyncSince!;
    await fixture.database.pool.query(
      `UPDATE rivulet.devices SET resync_since = resync_since + interval '5 ms'`,
    );
    await central.registry.finishResync(deviceId, first);
    const second = (await central.registry.get(deviceId)).resyncSince!;
    expect(second).not.toBeNull();

    await central.registry.finishResync(deviceId, second);
    expect((await central.registry.get(deviceId)).resyncSince).toBeNull();
  });
});

async function count(filter: object): Promise<number> {
  return (await central.list.page({ sort: 'name', descending: false, limit: 100, ...filter })).devices.length;
}

describe('presence', () => {
  it('writes when devices were seen, in one statement for all, and keeps what the last calls did not say', async () => {
    const a = await central.registry.create({ name: 'a', kind: 'edge', status: 'active' });
    const b = await central.registry.create({ name: 'b', kind: 'edge', status: 'active' });
    central.presence.note(a.deviceId, {
      address: '192.0.2.1',
      version: '1.2.0',
      metrics: { cpu_usage: 45.2 },
    });
    central.presence.note(a.deviceId, { address: '192.0.2.2' });
    central.presence.note(b.deviceId);
    const query = jest.spyOn(central.tables, 'rows');

    await central.presence.flush();
    await central.presence.flush();

    expect(query).toHaveBeenCalledTimes(1);
    const { lastSeenAt, ...seen } = await central.registry.get(a.deviceId);
    expect(lastSeenAt).toBeInstanceOf(Date);
    expect(seen).toMatchObject({ address: '192.0.2.2', version: '1.2.0', metrics: { cpu_usage: 45.2 } });
    expect((await central.registry.get(b.deviceId)).lastSeenAt).toBeInstanceOf(Date);
  });

  it('makes no device of one that was deleted', async () => {
    central.presence.note(UNKNOWN, { address: '192.0.2.1' });
    await central.presence.flush();
    await expect(central.registry.get(UNKNOWN)).rejects.toMatchObject({ code: 'DEVICE_NOT_REGISTERED' });
  });
});

describe('the list of devices', () => {
  const names = Array.from({ length: 25 }, (_, index) => `gate ${String(index % 5)}`);

  beforeEach(async () => {
    for (const [index, name] of names.entries()) {
      await central.registry.create({
        name,
        kind: index % 2 === 0 ? 'edge' : 'agent',
        status: index % 3 === 0 ? 'pending' : 'active',
        labels: { site: index % 4 === 0 ? 'SFO' : 'AUS', row: String(index) },
        ...(index % 2 === 0 ? { macAddress: `48:b0:2d:00:00:${String(index).padStart(2, '0')}` } : {}),
      });
    }
    await fixture.database.pool.query(`
      UPDATE rivulet.devices SET last_seen_at = timestamptz '2026-11-01' + (labels->>'row')::int * interval '1 day'
      WHERE (labels->>'row')::int % 5 <> 0`);
  });

  it.each([
    ['name', false],
    ['name', true],
    ['lastSeenAt', false],
    ['lastSeenAt', true],
    ['createdAt', true],
    ['macAddress', false],
    ['status', true],
  ] as const)('by %s, descending %s, has every device once over all pages', async (sort, descending) => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await central.list.page({ sort, descending, limit: 4, cursor });
      expect(page.devices.length).toBeLessThanOrEqual(4);
      found.push(...page.devices.map(({ labels }) => labels['row']!));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(found.toSorted((a, b) => Number(a) - Number(b))).toEqual(names.map((_, index) => String(index)));

    const whole = await central.list.page({ sort, descending, limit: 100 });
    expect(found).toEqual(whole.devices.map(({ labels }) => labels['row']));
    expect(whole.cursor).toBeUndefined();
  });

  it('filters by status, kind, labels, a part of the name, MAC address and when it was seen', async () => {
    expect(await count({ status: 'pending' })).toBe(9);
    expect(await count({ kind: 'agent' })).toBe(12);
    expect(await count({ labels: { site: 'SFO' } })).toBe(7);
    expect(await count({ labels: { site: 'SFO', row: '4' } })).toBe(1);
    expect(await count({ name: 'GATE 3' })).toBe(5);
    expect(await count({ name: '%' })).toBe(0);
    expect(await count({ macAddress: '48:b0:2d:00:00:06' })).toBe(1);
    expect(await count({ seenAfter: new Date('2026-11-20T12:00:00Z') })).toBe(4);
    expect(await count({ seenBefore: new Date('2026-11-03T12:00:00Z') })).toBe(7);
  });

  it.each([
    'x',
    '',
    Buffer.from('["name","a"]').toString('base64url'),
    Buffer.from('["lastSeenAt","2026-99-99 00:00:00+00","01KAJ9V9RW4C7ZK3DYE7V1NB2R"]').toString('base64url'),
    ...['2026-02-30 00:00:00+00', '2026-11-27 08:15:30+99', '0000-01-01 00:00:00+00', '2026-11 10'].map(
      (time) => Buffer.from(`["lastSeenAt","${time}","01KAJ9V9RW4C7ZK3DYE7V1NB2R"]`).toString('base64url'),
    ),
    Buffer.from('["lastSeenAt","now","01KAJ9V9RW4C7ZK3DYE7V1NB2R"]').toString('base64url'),
    Buffer.from('["name","a","01KAJ9V9RW4C7ZK3DYE7V1NB2R"]').toString('base64url'),
    Buffer.from('["lastSeenAt","-infinity","x\\u0000"]').toString('base64url'),
  ])('refuses the cursor %j, which no page of this sort has', async (cursor) => {
    const page = central.list.page({ sort: 'lastSeenAt', descending: false, limit: 4, cursor });
    await expect(page).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});
