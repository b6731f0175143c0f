import { setTimeout as delay } from 'node:timers/promises';
import { CentralFixture } from '../../../test/central-fixture';
import { RegistryProcess } from '../../../test/devices-fixture';

const MAC = '48:b0:2d:e9:c3:b7';

let fixture: CentralFixture;
let here: RegistryProcess;
let elsewhere: RegistryProcess;

beforeAll(async () => {
  fixture = await CentralFixture.create();
});
afterAll(() => fixture.close());

beforeEach(async () => {
  await fixture.database.pool.query('TRUNCATE rivulet.devices, rivulet.device_removals CASCADE');
  here = new RegistryProcess(fixture);
  elsewhere = new RegistryProcess(fixture);
});
afterEach(() => jest.restoreAllMocks());

async function register(macAddress = MAC): Promise<string> {
  const device = await here.registry.create({ name: 'gate', macAddress, kind: 'edge', status: 'active' });
  return device.deviceId;
}

/** Both remember the device, and have asked for changes once. */
async function remembered(): Promise<string> {
  const deviceId = await register();
  for (const { directory } of [here, elsewhere]) {
    await directory.poll();
    await directory.find(deviceId);
  }
  return deviceId;
}

describe('the directory of devices', () => {
  it('finds a device by its id and by its MAC address, and knows nothing of others', async () => {
    const deviceId = await register();

    const known = {
      deviceId,
      name: 'gate',
      macAddress: MAC,
      kind: 'edge',
      status: 'active',
      labels: {},
      resyncSince: null,
      keys: [],
      tokens: [],
      changedAt: expect.any(String),
    };
    expect(await here.directory.find(deviceId)).toEqual(known);
    expect(await here.directory.findByMac(MAC)).toEqual(known);
    expect(await here.directory.findByMac('48:b0:2d:e9:c3:b8')).toBeUndefined();
    expect(await here.directory.find('01KAJ9V9RW4C7ZK3DYE7V1NB2R')).toBeUndefined();
  });

  it('asks the database once for a device that calls often', async () => {
    const deviceId = await remembered();
    const query = jest.spyOn(here.tables, 'rows');

    await here.directory.find(deviceId);
    await here.directory.findByMac(MAC);
    await here.directory.findByMac(MAC);

    expect(query).not.toHaveBeenCalled();
  });

  it('does not read a device again that changed lately, but not since', async () => {
    const deviceId = await remembered();
    const query = jest.spyOn(here.tables, 'rows');
    await here.directory.poll();
    await here.directory.find(deviceId);
    expect(query).toHaveBeenCalledTimes(1);
  });

  it('knows at once of a change that its own process has made', async () => {
    const deviceId = await remembered();
    await here.registry.setStatus(deviceId, 'revoked', ['active']);
    expect(await here.directory.find(deviceId)).toMatchObject({ status: 'revoked' });
  });

  it('knows of a change in another process after the next poll', async () => {
    const deviceId = await remembered();
    await here.registry.setStatus(deviceId, 'revoked', ['active']);
    expect(await elsewhere.directory.find(deviceId)).toMatchObject({ status: 'active' });

    await elsewhere.directory.poll();

    expect(await elsewhere.directory.find(deviceId)).toMatchObject({ status: 'revoked' });
    expect(await elsewhere.directory.findByMac(MAC)).toMatchObject({ status: 'revoked' });
  });

  it('knows of a device that another process has deleted', async () => {
    const deviceId = await remembered();
    await here.registry.remove(deviceId);
    await elsewhere.directory.poll();
    expect(await elsewhere.directory.find(deviceId)).toBeUndefined();
    expect(await elsewhere.directory.findByMac(MAC)).toBeUndefined();
  });

  it('sees a change that was dated before a poll and committed after it', async () => {
    const deviceId = await remembered();
    const client = await fixture.database.pool.connect();
    await client.query('BEGIN');
    await client.query(
      `UPDATE rivulet.devices SET status = 'revoked', changed_at = clock_timestamp() WHERE device_id = $1`,
      [deviceId],
    );
    await elsewhere.directory.poll();
    await elsewhere.directory.find(deviceId);
    await client.query('COMMIT');
    client.release();

    await elsewhere.directory.poll();

    expect(await elsewhere.directory.find(deviceId)).toMatchObject({ status: 'revoked' });
  });

  it('is told once of what changed, and of what a transaction commits that began before it was told', async () => {
    const [first, second] = [await remembered(), await register('48:b0:2d:e9:c3:b8')];
    const told = jest.spyOn(here.tables, 'rows');
    const changes = async (): Promise<string[]> => {
      told.mockClear();
      await here.directory.poll();
      const [row] = (await told.mock.results[0]!.value) as [{ changes: [string, string][] }];
      return row.changes.map(([deviceId]) => deviceId);
    };
    // Transactions of other tests on this server count as ones that began before.
    const toldNothing = async (): Promise<void> => {
      while ((await changes()).length > 0) await delay(10);
    };
    expect(await changes()).toContain(second);
    await toldNothing();

    const client = await fixture.database.pool.connect();
    await client.query('BEGIN');
    const change = 'UPDATE rivulet.devices SET changed_at = clock_timestamp() WHERE device_id = $1';
    await client.query('SAVEPOINT inner_one');
    await client.query(change, [first]);
    await client.query('RELEASE SAVEPOINT inner_one');
    await fixture.database.pool.query(change, [second]);
    expect(await changes()).toEqual([second]);
    expect(await changes()).toEqual([second]);
    await client.query('COMMIT');
    client.release();
    expect((await changes()).toSorted()).toEqual([first, second].toSorted());
    await toldNothing();
  });

  it('does not remember what was read before a poll and arrived after it', async () => {
    const deviceId = await register();
    await here.directory.poll();
    const rows = here.tables.rows.bind(here.tables);
    let reading: Promise<unknown> | undefined;
    const arrive = await new Promise<() => void>((hasRead) => {
      jest.spyOn(here.tables, 'rows').mockImplementationOnce(async (sql, values) => {
        const read = await rows(sql, values);
        await new Promise<void>((resolve) => hasRead(resolve));
        return read;
      });
      reading = here.directory.find(deviceId);
    });
    await elsewhere.registry.setStatus(deviceId, 'revoked', ['active']);
    await here.directory.poll();
    arrive();
    await reading;
    await here.directory.poll();
    expect(await here.directory.find(deviceId)).toMatchObject({ status: 'revoked' });
  });

  it('is told of everything of the last minute by a server that was started again', async () => {
    const deviceId = await remembered();
    await here.directory.poll();
    const { seen } = here.directory as unknown as { seen: { server: string } };
    seen.server = 'another one';
    const told = jest.spyOn(here.tables, 'rows');
    await here.directory.poll();
    expect(await told.mock.results[0]!.value).toMatchObject([{ changes: [[deviceId, expect.any(String)]] }]);
  });

  it('trusts its memory for no longer than five seconds after the last poll that succeeded', async () => {
    const deviceId = await remembered();
    await here.registry.setStatus(deviceId, 'revoked', ['active']);
    const now = performance.now();

    jest.spyOn(performance, 'now').mockReturnValue(now + 5_000);

    expect(await elsewhere.directory.find(deviceId)).toMatchObject({ status: 'revoked' });
  });
});
