import { CentralFixture } from '../../../test/central-fixture';
import { CentralServices, type CentralSettings } from '../../../test/central-services';

const MAC = '48:b0:2d:e9:c3:b7';
const OTHER = '48:b0:2d:e9:c3:b8';
const STRANGER = '48:b0:2d:e9:c3:b9';

const datasets = `version: 1
scope:
  query: SELECT id AS device_id, site, is_active FROM public.devices WHERE mac_address = :mac_address
datasets:
  - { name: sites, key: [id], query: "SELECT id FROM sites WHERE id = :site" }
`;

let fixture: CentralFixture;

beforeEach(async () => {
  fixture = await CentralFixture.create();
  await query(`
    CREATE TABLE public.devices (id int PRIMARY KEY, site int, is_active bool DEFAULT true, mac_address text);
    INSERT INTO public.devices (id, site, mac_address) VALUES (1, 1, '${MAC}'), (2, 1, '${OTHER}');
    CREATE TABLE sites (id int); INSERT INTO sites VALUES (1), (2)`);
});

afterEach(() => fixture.close());

async function query(text: string): Promise<void> {
  await fixture.database.pool.query(text);
}

async function start(settings: CentralSettings = {}, file = datasets): Promise<CentralServices> {
  return CentralServices.start(fixture, file, settings);
}

async function siteOf(central: CentralServices, macAddress = MAC): Promise<string | null | undefined> {
  const { scope } = await central.scopes.find({ macAddress });
  return scope.parameters.get('site')?.value;
}

/** How often a scope is read from the source, which each time asks for the versions that go with it. */
async function countingReads(central: CentralServices, work: () => Promise<unknown>): Promise<number> {
  const versionsAt = jest.spyOn(central.changes, 'versionsAt');
  try {
    await work();
    return versionsAt.mock.calls.length;
  } finally {
    versionsAt.mockRestore();
  }
}

describe('a scope', () => {
  it('is read once, for each device', async () => {
    const central = await start();
    const reads = await countingReads(central, async () => {
      for (let times = 0; times < 3; times++) expect(await siteOf(central)).toBe('1');
      expect(await siteOf(central, OTHER)).toBe('1');
    });
    expect(reads).toBe(2);
  });

  it('is the same when it is remembered, and another for another name', async () => {
    const central = await start();
    const subject = { macAddress: MAC, deviceId: 'id', name: 'gate' };
    const { id, scope, stamp } = await central.scopes.find(subject);
    const again = await central.scopes.find(subject);
    expect(again).toMatchObject({ id, stamp });
    expect(again.scope).toEqual(scope);
    expect([...again.scope.parameters]).toEqual([...scope.parameters]);
    expect(central.scopes.remembered(subject, again.versions)?.scope).toEqual(scope);
    expect(central.scopes.remembered({ ...subject, name: 'door' }, again.versions)).toBeUndefined();
  });

  it('is read again when a row behind it has changed, and not for the row of another device', async () => {
    const central = await start();
    await siteOf(central);
    await query('UPDATE public.devices SET site = 2 WHERE id = 1');
    expect(await siteOf(central)).toBe('2');
    await query('DELETE FROM public.devices WHERE id = 2');
    expect(await countingReads(central, () => siteOf(central))).toBe(0);
    await query('UPDATE public.devices SET site = 3');
    expect(await siteOf(central)).toBe('3');
  });

  it('is still remembered when another table has changed', async () => {
    const central = await start();
    await siteOf(central);
    await query('INSERT INTO sites VALUES (3)');
    expect(await countingReads(central, () => siteOf(central))).toBe(0);
  });

  it('is no longer given to a device that has been switched off', async () => {
    const central = await start();
    await siteOf(central);
    await query('UPDATE public.devices SET is_active = false WHERE id = 1');
    await expect(siteOf(central)).rejects.toMatchObject({ code: 'DEVICE_INACTIVE' });
    await query('UPDATE public.devices SET is_active = true WHERE id = 1');
    expect(await siteOf(central)).toBe('1');
  });

  it('of a transaction that commits later is found then', async () => {
    const central = await start();
    const writer = await fixture.database.pool.connect();
    try {
      await writer.query('BEGIN; UPDATE public.devices SET site = 2 WHERE id = 1');
      expect(await siteOf(central)).toBe('1');
      await writer.query('COMMIT');
    } finally {
      writer.release();
    }
    expect(await siteOf(central)).toBe('2');
  });
});

describe('what is not remembered', () => {
  it('is that a device is unknown', async () => {
    const central = await start();
    const reads = await countingReads(central, async () => {
      for (let times = 0; times < 2; times++)
        await expect(siteOf(central, STRANGER)).rejects.toMatchObject({ code: 'DEVICE_UNKNOWN' });
    });
    expect(reads).toBe(2);
    await query(`INSERT INTO public.devices (id, site, mac_address) VALUES (3, 2, '${STRANGER}')`);
    expect(await siteOf(central, STRANGER)).toBe('2');
  });

  it('is a scope that can change without a write', async () => {
    const clock = datasets.replace('id AS device_id, site', 'id AS device_id, random()::text AS site');
    const central = await start({}, clock.replace('id = :site', 'id::text = :site'));
    expect(await siteOf(central)).not.toBe(await siteOf(central));
  });

  it('is any scope where changes are not detected: who may see what must not be old', async () => {
    const central = await start({ changeDetection: 'poll', pollIntervalMs: 60_000 });
    expect(await siteOf(central)).toBe('1');
    await query('UPDATE public.devices SET site = 2 WHERE id = 1');
    expect(await siteOf(central)).toBe('2');
  });
});

describe('a scope as of a later moment', () => {
  it('is the known one while no table behind it has changed', async () => {
    const central = await start();
    const known = await central.scopes.find({ macAddress: MAC });
    await query('INSERT INTO sites VALUES (3)');
    const later = await central.changes.versions();
    expect(await central.scopes.asOf(known, later)).toBe(known);
  });

  it('is read again when one has, or when the versions of that moment are not known', async () => {
    const central = await start();
    const known = await central.scopes.find({ macAddress: MAC });
    await query('UPDATE public.devices SET site = 2 WHERE id = 1');
    const later = await central.changes.versions();
    for (const versions of [later, undefined]) {
      const { scope } = await central.scopes.asOf(known, versions);
      expect(scope.parameters.get('site')?.value).toBe('2');
    }
  });
});

describe('scopes that are asked for at once', () => {
  const dividing = datasets.replace('id AS device_id, site,', 'id AS device_id, 6 / site AS site,');

  it('are read in two transactions, however many they are', async () => {
    const central = await start();
    const reads = await countingReads(central, () =>
      Promise.all([MAC, OTHER, MAC, OTHER, MAC, OTHER].map((mac) => siteOf(central, mac))),
    );
    expect(reads).toBe(2);
  });

  it('each have their own answer, also where the scope query fails for one of them', async () => {
    const central = await start({}, dividing);
    await query(`INSERT INTO public.devices (id, site, mac_address) VALUES (3, 0, '48:b0:2d:e9:c3:c0')`);
    const asked = [MAC, STRANGER, '48:b0:2d:e9:c3:c0', OTHER].map((mac) => siteOf(central, mac));
    const answers = await Promise.allSettled(asked);
    expect(answers).toMatchObject([
      { value: '6' },
      { reason: { code: 'DEVICE_UNKNOWN' } },
      { reason: { code: 'DATASET_QUERY_FAILED' } },
      { value: '6' },
    ]);
  });
});
