import { setTimeout as delay } from 'node:timers/promises';
import {
  createTestDatabase,
  isInstalled,
  startNats,
  type BusServer,
  type TestDatabase,
} from '@rivulet/testing';
import { FleetSummaryService, type FleetSummary } from '../../apps/central/src/fleet/fleet-summary.service';
import { CentralProcesses } from '../../apps/central/src/devices/presence/central-processes';
import { CentralInProcess } from '../support/apps/central-in-process';
import { startEdgeInProcess } from '../support/apps/edge-in-process';
import type { RunningApp } from '../support/apps/running-app';
import { validRequest } from '../support/clients/device-client';
import { FaultProxy } from '../support/attacks/fault-proxy';
import { DEMO_MAC } from '../support/apps/sync-pair';

/** The bus is down, no change is detected, and a firewall closes whatever is no HTTP. */
let central: CentralInProcess;
let edge: RunningApp;
let edgeDatabase: TestDatabase;
let firewall: FaultProxy;
/** Undefined where the bus that is down never comes back. */
let broker: BusServer | undefined;
let busUrl = 'nats://127.0.0.1:9';
const over = new AbortController();

interface Health {
  status: string;
  details: Record<string, { status: string; problem?: string; connected?: boolean }>;
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!over.signal.aborted && !(await isTrue())) await delay(50);
}

beforeAll(async () => {
  if (isInstalled('nats-server', 'a bus that is down and comes back')) {
    broker = await startNats();
    await broker.kill();
    busUrl = broker.url;
  }
  firewall = await FaultProxy.start();
  edgeDatabase = await createTestDatabase();
  edge = await startEdgeInProcess(
    {
      EDGE_DATABASE_URL: edgeDatabase.url,
      EDGE_MAC_ADDRESS: DEMO_MAC,
      EDGE_CENTRAL_URL: firewall.inFrontOf('http://127.0.0.1:9'),
      EDGE_LIVE: 'true',
      EDGE_SYNC_SCHEDULE: '1s',
      EDGE_SYNC_JITTER: '0',
      EDGE_FIRST_SYNC_DELAY: '0',
    },
    { retries: 0 },
  );
  // After the edge: all log lines of this process go where the first app writes them.
  central = await CentralInProcess.start({
    CENTRAL_DEVICE_AUTH: 'mac',
    CENTRAL_BUS_URL: busUrl.replace('//', '//rivulet:canary@'),
    CENTRAL_CHANGE_DETECTION: 'poll',
    CENTRAL_POLL_INTERVAL: '1s',
  });
  // Else central refuses an attempt to connect live that comes before the first sync.
  await central.call('POST', '/api/device-sync/request', validRequest, { 'x-device-mac': DEMO_MAC });
  firewall.inFrontOf(central.url);
  // Whoever tries again does so at once.
  jest.spyOn(Math, 'random').mockReturnValue(0.01);
});
afterAll(async () => {
  over.abort();
  await edge?.stop();
  await firewall?.stop();
  await central?.stop();
  await edgeDatabase?.drop();
  await broker?.stop();
  jest.restoreAllMocks();
});

async function summaryOfFleet(): Promise<FleetSummary> {
  await central.get(CentralProcesses).beat();
  Object.assign(central.get(FleetSummaryService), { last: undefined });
  return (await central.call<FleetSummary>('GET', '/api/fleet/summary'))[1];
}

/** Of the metrics. */
async function isConnectedToBus(): Promise<string | undefined> {
  const text = await (await fetch(`${central.url}/metrics`)).text();
  return /^rivulet_central_bus_connected (\d)$/m.exec(text)?.[1];
}

async function healthOf(url: string): Promise<Health> {
  return (await (await fetch(`${url}/health`)).json()) as Health;
}

it('brings changes by the schedule', async () => {
  await until(async () => {
    const { rows } = await edgeDatabase.pool.query<{ found: boolean }>(
      `SELECT to_regclass('public.locations') IS NOT NULL AS found`,
    );
    return rows[0]!.found;
  });
  await central.database.pool.query(
    `UPDATE public.locations SET name = 'Later' WHERE id = (SELECT location_id FROM public.devices WHERE mac_address = $1)`,
    [DEMO_MAC],
  );
  await until(async () => {
    const { rows } = await edgeDatabase.pool.query(`SELECT FROM locations WHERE name = 'Later'`);
    return rows.length === 1;
  });
  const answer = await fetch(`${edge.url}/api/sync/status`);
  expect(await answer.json()).toMatchObject({ lastResult: { trigger: 'schedule' } });
});

it('says on the edge that the live connection is missing, and why', async () => {
  const read = async () =>
    (await (await fetch(`${edge.url}/api/sync/status`)).json()) as {
      live: { connected: boolean; problem?: string };
    };
  const closed = 'The live connection to central is not there';
  await until(async () => (await read()).live.problem?.includes(closed) === true);
  expect((await read()).live.connected).toBe(false);
  const health = await healthOf(edge.url);
  expect(health.details['live']!.problem).toContain(closed);
  const told = edge.complaints.filter(({ msg }) => msg.includes('meanwhile the edge goes by its schedule'));
  expect(told).toContainEqual(expect.objectContaining({ level: 'warn', code: 'CENTRAL_UNREACHABLE' }));
  expect(new Set(told.map(({ msg }) => msg)).size).toBe(told.length);
});

it('says at central what is degraded, and why, in the summary and in its health', async () => {
  await until(async () => (await summaryOfFleet()).states.current === 1);
  const summary = await summaryOfFleet();
  const centrals = [central.get(CentralProcesses).id];
  const down = `The bus at ${busUrl} is not available: `;
  expect(summary).toMatchObject({ total: 1, online: 0 });
  expect(summary.degraded).toEqual([
    { part: 'bus', problem: expect.stringMatching(new RegExp(`^${down}\\w`)) as string, centrals },
    noChangesAreSeen(),
    {
      part: 'live',
      problem: expect.stringContaining('1 edge calls and has no live connection') as string,
      centrals: [],
    },
  ]);
  expect((await central.call('GET', '/health/ready'))[0]).toBe(200);
  expect(await isConnectedToBus()).toBe('0');
  const { status, details } = await healthOf(central.url);
  expect(JSON.stringify(details)).not.toContain('canary');
  expect(status).toBe('degraded');
  expect(details['bus']!.problem).toContain('is not available');
  expect(details['nudges']!.problem).toContain('CENTRAL_CHANGE_DETECTION is poll');
  // All lines of this process go where the first app writes them.
  expect(edge.complaints).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      code: 'BUS_UNAVAILABLE',
      msg: expect.stringContaining('schedules and polls go on') as string,
    }),
  );
});

it('is as before once the bus is back and the firewall open', async () => {
  firewall.passesWebSockets = true;
  await broker?.restart();
  await until(async () => (await healthOf(edge.url)).details['live']!.connected === true);
  if (broker) await until(async () => (await healthOf(central.url)).details['bus']!.status === 'up');
  expect(await isConnectedToBus()).toBe(broker ? '1' : '0');
  await until(async () => (await summaryOfFleet()).online === 1);
  const { degraded } = await summaryOfFleet();
  expect(degraded.filter(({ part }) => broker !== undefined || part !== 'bus')).toEqual([noChangesAreSeen()]);
});

function noChangesAreSeen(): FleetSummary['degraded'][number] {
  const problem = 'Changes of the source are not detected: CENTRAL_CHANGE_DETECTION is poll.';
  return { part: 'nudges', problem, centrals: [central.get(CentralProcesses).id] };
}
