import { macAddress } from '../../apps/edge/test/sync-cycle-fixture';
import { LocalHub } from '../support/apps/local-hub';
import { SyncInProcess } from '../support/apps/sync-in-process';

const datasets = `
version: 1
scope:
  query: SELECT 'north' AS device_id WHERE :mac_address IS NOT NULL
datasets:
  - name: items
    key: [id]
    query: SELECT id, label FROM source.items
`;

let pair: SyncInProcess;

beforeAll(async () => {
  pair = await SyncInProcess.create(
    `CREATE SCHEMA source; CREATE TABLE source.items (id int PRIMARY KEY, label text);
     INSERT INTO source.items SELECT n, 'item ' || n FROM generate_series(1, 500) n`,
    '',
  );
});
afterAll(() => pair.close());

it('refills every mirror once, although the device has all rows by its own record', async () => {
  const central = await pair.services(datasets);
  const hub = new LocalHub(central, macAddress);
  const sync = async () => {
    hub.device = (await central.directory.findByMac(macAddress)) as typeof hub.device;
    const { status, tables } = await pair.edge.sync({ hub });
    return [status, tables.map(({ action }) => action)];
  };
  await pair.edge.sync({ hub });
  expect(await sync()).toEqual(['current', ['unchanged']]);
  await pair.edge.database.pool.query(`UPDATE items SET label = 'changed on the device' WHERE id = 7`);

  await central.registry.requestResync(hub.device.deviceId!);

  expect(await sync()).toEqual(['applied', ['loaded']]);
  expect(await pair.edge.select('SELECT label FROM items WHERE id = 7')).toEqual([{ label: 'item 7' }]);
  expect(await sync()).toEqual(['current', ['unchanged']]);
});
