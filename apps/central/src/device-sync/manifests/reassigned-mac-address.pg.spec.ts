import { CentralFixture } from '../../../test/central-fixture';
import { CentralServices } from '../../../test/central-services';
import { issueTo } from '../../../test/issue-to';

const MAC = '48:b0:2d:e9:c3:b7';
const OTHER_MAC = '48:b0:2d:e9:c3:b8';

const datasets = `version: 1
scope:
  query: SELECT id AS device_id FROM public.devices WHERE mac_address = :mac_address
datasets:
  - { name: users, key: [id], query: "SELECT id FROM users WHERE device = :device_id" }
`;

let fixture: CentralFixture;
let central: CentralServices;

beforeEach(async () => {
  fixture = await CentralFixture.create();
  await query(`
    CREATE TABLE public.devices (id int PRIMARY KEY, mac_address text);
    INSERT INTO public.devices VALUES (1, '${MAC}'), (2, '${OTHER_MAC}');
    CREATE TABLE users (id int PRIMARY KEY, device int); INSERT INTO users VALUES (10, 1), (20, 2)`);
  central = await CentralServices.start(fixture, datasets);
});

afterEach(() => fixture.close());

async function query(text: string): Promise<void> {
  await fixture.database.pool.query(text);
}

/** The result of a device's download for a manifest: a number of bytes, or a code. */
async function outcomeOf(manifestId: string, macAddress: string): Promise<number | string> {
  try {
    let bytes = 0;
    for await (const piece of await central.payloads.open(manifestId, { macAddress }, undefined, 'zstd')) {
      bytes += piece.length;
    }
    return bytes;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

it('a manifest is served to its device, and to no other', async () => {
  const manifestId = await issueTo(central, MAC);
  expect(await outcomeOf(manifestId, MAC)).toBeGreaterThan(0);
  expect(await outcomeOf(manifestId, OTHER_MAC)).toBe('MANIFEST_UNKNOWN');
});

it('an older manifest of a device is served beside its latest one', async () => {
  const older = await issueTo(central, MAC);
  const latest = await issueTo(central, MAC);
  expect(await outcomeOf(older, MAC)).toBeGreaterThan(0);
  expect(await outcomeOf(latest, MAC)).toBeGreaterThan(0);
});

describe('a MAC address that was reassigned', () => {
  let before: string;
  let after: string;

  beforeEach(async () => {
    before = await issueTo(central, MAC);
    await query(`UPDATE public.devices SET mac_address = CASE id WHEN 1 THEN NULL ELSE '${MAC}' END`);
    after = await issueTo(central, MAC);
  });

  it('gets the payloads of the device that has it now, and no longer those of the device before', async () => {
    expect(await outcomeOf(after, MAC)).toBeGreaterThan(0);
    expect(await outcomeOf(before, MAC)).toBe('MANIFEST_UNKNOWN');
  });

  it('cannot acknowledge the manifests of the device before either', async () => {
    const report = {
      status: 'failed' as const,
      cycleId: before,
      finishedAt: '2026-11-21T08:00:00Z',
      durationMs: 1,
      tables: [],
    };
    const acknowledge = (manifestId: string): Promise<unknown> =>
      central.acknowledgements.record({ macAddress: MAC }, { ...report, manifestId });
    await expect(acknowledge(before)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    await expect(acknowledge(after)).resolves.toMatchObject({ status: 'failed' });
  });

  it('does not get them back when the next device has another address, and old manifests are collected', async () => {
    await query(`UPDATE public.devices SET mac_address = '${OTHER_MAC}' WHERE id = 2`);
    await issueTo(central, OTHER_MAC);
    await query(`UPDATE rivulet.sync_manifests SET issued_at = now() - interval '1 year'`);
    await fixture.retention().sweep();
    expect(await outcomeOf(before, MAC)).toBe('MANIFEST_UNKNOWN');
  });
});
