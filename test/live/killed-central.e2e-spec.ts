import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { FleetSummary } from '../../apps/central/src/fleet/fleet-summary.service';
import { ConnectedDevice } from '../support/connected-device';
import { asAdmin } from '../support/operator';
import { DEMO_MAC } from '../support/sync-pair';
import { TwoCentrals } from '../support/two-centrals';

/** Few in `npm test`, many in `npm run test:long`. */
const COUNT = Number(process.env['RIVULET_KILLED_DEVICES'] ?? 12);

jest.setTimeout(120_000);

let system: TwoCentrals;
let devices: ConnectedDevice[];

beforeAll(async () => {
  Logger.overrideLogger(false);
  system = await TwoCentrals.start({ CENTRAL_HEARTBEAT_INTERVAL: '1s' });
  await system.database.pool.query(
    `INSERT INTO public.devices (company_id, location_id, name, model, serial, mac_address, installed_at)
     SELECT company_id, location_id, 'gate ' || n, model, 'gate ' || n, mac, installed_at
     FROM public.devices, unnest($1::text[]) WITH ORDINALITY AS _ (mac, n) WHERE mac_address = $2`,
    [Array.from({ length: COUNT }, (_, number) => macAddressOf(number)), DEMO_MAC],
  );
  devices = Array.from(
    { length: COUNT },
    (_, number) => new ConnectedDevice(system.url, macAddressOf(number)),
  );
});
afterAll(async () => {
  await Promise.all((devices ?? []).map((device) => device.stop()));
  await system?.stop();
});

function macAddressOf(number: number): string {
  return `06:00:00:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
}

async function summary(central: number): Promise<FleetSummary> {
  const response = await fetch(`${system.centrals[central]!.url}/api/fleet/summary`, { headers: asAdmin });
  return (await response.json()) as FleetSummary;
}

/** What never comes true ends with the time limit of the test. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await delay(100);
}

it('has all devices back at the other central, which refuses nobody, and shows nobody as online who is not', async () => {
  await Promise.all(devices.map((device) => device.ask()));
  for (const device of devices) device.connect();
  await until(async () => (await summary(1)).online === COUNT);
  const before = await summary(1);
  expect(before.centrals).toHaveLength(2);
  for (const { connected } of before.centrals) expect(connected).toBeGreaterThan(0);

  // A third of them dies with it.
  const [dead, living] = [devices.slice(0, COUNT / 3), devices.slice(COUNT / 3)];
  await system.centrals[0]!.kill();
  await Promise.all(dead.map((device) => device.stop()));
  await until(() => living.every(({ isConnected }) => isConnected));
  await until(async () => (await summary(1)).online === living.length);
  expect((await summary(1)).centrals).toMatchObject([{ connected: living.length, degraded: [] }]);

  await until(() => living.every(({ answers }) => answers.length > 0));
  expect(devices.flatMap(({ answers }) => answers).filter((status) => status !== 200)).toEqual([]);
});
