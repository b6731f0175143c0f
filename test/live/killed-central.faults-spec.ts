import { setTimeout as delay } from 'node:timers/promises';
import type { FleetSummary } from '../../apps/central/src/fleet/fleet-summary.service';
import { ConnectedDevices } from '../support/clients/connected-devices';
import { asAdmin } from '../support/clients/operator';
import { DEMO_MAC } from '../support/apps/sync-pair';
import { TwoCentrals } from '../support/apps/two-centrals';

/** Few in `npm test`, many in `npm run test:long`, with the heartbeat that they have in life. */
const COUNT = Number(process.env['RIVULET_KILLED_DEVICES'] ?? 12);
const isLong = COUNT > 100;
/** A third of them dies with a central. */
const DEAD = Math.floor(COUNT / 3);

jest.setTimeout(isLong ? 600_000 : 120_000);

let system: TwoCentrals;
let devices: ConnectedDevices;

beforeAll(async () => {
  system = await TwoCentrals.start(isLong ? {} : { CENTRAL_HEARTBEAT_INTERVAL: '1s' });
  await system.database.pool.query(
    `INSERT INTO public.devices (company_id, location_id, name, model, serial, mac_address, installed_at)
     SELECT company_id, location_id, 'gate ' || n, model, 'gate ' || n, mac, installed_at
     FROM public.devices, unnest($1::text[]) WITH ORDINALITY AS _ (mac, n) WHERE mac_address = $2`,
    [macAddresses(COUNT), DEMO_MAC],
  );
  devices = new ConnectedDevices();
});
afterAll(async () => {
  await devices?.end();
  await system?.stop();
});

function macAddresses(count: number): string[] {
  return Array.from({ length: count }, (_, number) => {
    const digits = number.toString(16).padStart(4, '0');
    return `06:00:00:00:${digits.slice(0, 2)}:${digits.slice(2)}`;
  });
}

async function summary(central: number): Promise<FleetSummary> {
  const response = await fetch(`${system.centrals[central]!.url}/api/fleet/summary`, { headers: asAdmin });
  return (await response.json()) as FleetSummary;
}

/** The dead that are shown as online. */
async function deadOnline(): Promise<number> {
  const { rows } = await system.database.pool.query<{ count: number }>(
    `SELECT count(*)::int FROM rivulet.device_connections
     JOIN rivulet.central_processes USING (process_id) JOIN rivulet.devices USING (device_id)
     WHERE alive_until > clock_timestamp() AND mac_address = ANY ($1)`,
    [macAddresses(DEAD)],
  );
  return rows[0]!.count;
}

/** @returns the seconds until it was true; what never comes true ends with the time limit of the test */
async function until(isTrue: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await isTrue())) await delay(100);
  return (performance.now() - startMs) / 1_000;
}

it('has all devices back at the other central, which refuses nobody, and shows nobody as online who is not', async () => {
  await devices.connect(system.url, macAddresses(COUNT));
  await until(async () => (await summary(1)).online === COUNT);
  const before = await summary(1);
  expect(before.centrals).toHaveLength(2);
  for (const { connected } of before.centrals) expect(connected).toBeGreaterThan(0);

  await system.centrals[0]!.kill();
  await devices.stop(DEAD);
  const living = COUNT - DEAD;
  const [backSeconds, goneSeconds] = await Promise.all([
    until(async () => {
      const { online, centrals } = await summary(1);
      return online === living && centrals.length === 1 && centrals[0]!.connected === living;
    }),
    until(async () => (await deadOnline()) === 0),
  ]);
  const { connected, answers } = await devices.state();
  if (isLong)
    process.stdout.write(
      `${living} devices were back after ${backSeconds.toFixed(1)} s, ${DEAD} dead ones shown as online for ` +
        `${goneSeconds.toFixed(1)} s; answers to requests: ${JSON.stringify(answers)}\n`,
    );
  expect(connected).toBe(living);
  expect((await summary(1)).centrals).toMatchObject([{ connected: living, degraded: [] }]);
  expect(Object.keys(answers)).toEqual(['200']);
});
