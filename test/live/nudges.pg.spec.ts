import { setTimeout as delay } from 'node:timers/promises';
import { RivuletError } from '@rivulet/errors';
import {
  createTestDatabase,
  isInstalled,
  startNats,
  type BusServer,
  type TestDatabase,
} from '@rivulet/testing';
import { AgentSessions } from '../../apps/central/src/live/sessions/agent-sessions';
import { CentralBus } from '../../apps/central/src/bus/central-bus';
import { Presence } from '../../apps/central/src/devices/registry/presence';
import { CatchUp } from '../../apps/central/src/live/nudges/catch-up';
import { ChangeDetection } from '../../apps/central/src/source/change-detection/change-detection';
import { NudgeService } from '../../apps/central/src/live/nudges/nudge.service';
import { CentralInProcess } from '../support/apps/central-in-process';
import { startEdgeInProcess } from '../support/apps/edge-in-process';
import type { RunningApp } from '../support/apps/running-app';
import { ProvedDevice } from '../support/clients/proved-device';
import { DEMO_MAC } from '../support/apps/sync-pair';
import { TestAgent } from '../support/clients/test-agent';

/** Without it, the bus of PostgreSQL, which a test cannot kill alone. */
const hasNats = isInstalled('nats-server', 'changes while the broker is down');
const withNats = hasNats ? describe : describe.skip;

let broker: BusServer | undefined;
let central: CentralInProcess;
const over = new AbortController();
let edge: RunningApp;
let edgeDatabase: TestDatabase;
/** A device of another company. */
let otherMac: string;
let otherDevice: ProvedDevice;
let other: TestAgent;

interface Status {
  state: string;
  live: { connected: boolean; problem?: string; lastNudgeAt?: string };
  lastResult?: { status: string; trigger: string };
}

const status = async (): Promise<Status> =>
  (await (await fetch(`${edge.url}/api/sync/status`)).json()) as Status;

/** Ends with the tests, also when it never comes true. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!over.signal.aborted && !(await isTrue())) await delay(20);
}

/** The name of a location, which is a row of its own devices alone. */
async function renameLocationOf(macAddress: string, name: string): Promise<void> {
  await central.database.pool.query(
    `UPDATE public.locations SET name = $2 WHERE id = (SELECT location_id FROM public.devices WHERE mac_address = $1)`,
    [macAddress, name],
  );
}

async function mirrored(name: string): Promise<boolean> {
  const { rows } = await edgeDatabase.pool.query('SELECT FROM locations WHERE name = $1', [name]);
  return rows.length === 1;
}

async function connectOther(): Promise<TestAgent> {
  const agent = await TestAgent.overWebSocket(central.url, otherDevice.headers, otherMac);
  await agent.register();
  return agent;
}

beforeAll(async () => {
  broker = hasNats ? await startNats() : undefined;
  central = await CentralInProcess.start({
    CENTRAL_DEVICE_AUTH: 'mac',
    // An agent of the test that sends none is away after three of these, and waits for three seconds to be nudged.
    CENTRAL_HEARTBEAT_INTERVAL: '5s',
    ...(broker && { CENTRAL_BUS_URL: broker.url }),
  });
  edgeDatabase = await createTestDatabase();
  const { rows } = await central.database.pool.query<{ mac: string }>(
    `SELECT mac_address AS mac FROM public.devices WHERE is_active AND company_id <>
       (SELECT company_id FROM public.devices WHERE mac_address = $1) LIMIT 1`,
    [DEMO_MAC],
  );
  otherMac = rows[0]!.mac;
  edge = await startEdgeInProcess(
    {
      EDGE_DATABASE_URL: edgeDatabase.url,
      EDGE_MAC_ADDRESS: DEMO_MAC,
      EDGE_CENTRAL_URL: central.url,
      EDGE_LIVE: 'true',
      EDGE_SYNC_SCHEDULE: '1h',
      EDGE_FIRST_SYNC_DELAY: '0',
    },
    {},
  );
  await until(async () => {
    const { lastResult, live } = await status();
    return lastResult?.status === 'applied' && live.connected;
  });
  otherDevice = new ProvedDevice(central.url, otherMac);
  // The first registers it.
  while ((await otherDevice.sync()) !== 'current');
  other = await connectOther();
});
afterAll(async () => {
  over.abort();
  other?.destroy();
  await edge?.stop();
  await central?.stop();
  await edgeDatabase?.drop();
  await broker?.stop();
});

it('brings a change to the device that it concerns, without its schedule, and tells no other', async () => {
  // What it has is remembered at the first look after it has connected.
  await delay(600);
  await renameLocationOf(DEMO_MAC, 'A new name');
  await until(() => mirrored('A new name'));
  await until(async () => (await status()).state === 'idle');
  expect((await status()).lastResult).toMatchObject({ status: 'applied', trigger: 'nudge' });

  await renameLocationOf(otherMac, 'Elsewhere');
  expect(await other.next()).toMatchObject({ type: 'NUDGE', agent_name: otherMac });
  expect(other.received).toEqual([]);
  expect(await mirrored('Elsewhere')).toBe(false);
});

it('tells no device that has asked since it connected of what does not concern it', async () => {
  other.destroy();
  while ((await otherDevice.sync()) !== 'current');
  other = await connectOther();
  await otherDevice.sync();
  other.received.splice(0);
  await renameLocationOf(DEMO_MAC, 'Of no concern');
  await until(() => mirrored('Of no concern'));
  expect(other.received).toEqual([]);
});

it('nudges a device that connects for what has changed since it synced, and only then', async () => {
  while ((await otherDevice.sync()) !== 'current');
  other.destroy();
  const { devices } = central.get(AgentSessions);
  await until(async () => devices.size === 1);
  await renameLocationOf(otherMac, 'While it was away');
  await renameLocationOf(DEMO_MAC, 'Noticed');
  await until(() => mirrored('Noticed'));
  other = await connectOther();
  expect(await other.next()).toMatchObject({ type: 'NUDGE' });

  while ((await otherDevice.sync()) !== 'current');
  other.destroy();
  await until(async () => devices.size === 1);
  other = await connectOther();
  const { device_id: deviceId } = (
    await central.database.pool.query<{ device_id: string }>(
      'SELECT device_id FROM rivulet.devices WHERE mac_address = $1',
      [otherMac],
    )
  ).rows[0]!;
  const nudges = central.get(NudgeService);
  await nudges['looking'].run();
  // As if the time were over that those that are concerned wait.
  central.get(CatchUp).connected(deviceId, performance.now() - 60_000);
  nudges['queueCatchUp'](performance.now());
  expect(nudges['queue'].takeDue(Infinity)).not.toContain(deviceId);
  expect(other.received).toEqual([]);
});

withNats('with a broker', () => {
  it('brings changes also while it is down, and after it is back', async () => {
    const bus = central.get(CentralBus);
    await until(async () => bus.state.isConnected);
    await broker!.kill();
    await until(async () => !bus.state.isConnected);
    await renameLocationOf(DEMO_MAC, 'Without a broker');
    await until(() => mirrored('Without a broker'));
    await broker!.restart();
    await until(async () => bus.state.isConnected);
    await renameLocationOf(DEMO_MAC, 'With it again');
    await until(() => mirrored('With it again'));
    await until(async () => (await status()).state === 'idle');
    expect((await status()).lastResult).toMatchObject({ status: 'applied', trigger: 'nudge' });
  });
});

it('says why changes are not told while the source cannot be asked, and tells of them once it can', async () => {
  const down = new RivuletError('SOURCE_UNAVAILABLE', 'The source does not answer.');
  const versions = jest.spyOn(central.get(ChangeDetection), 'versions').mockRejectedValue(down);
  await central.get(NudgeService)['looking'].run();
  const [, { details }] = await central.call<{ details: { nudges: object } }>('GET', '/health');
  expect(details.nudges).toMatchObject({ status: 'degraded', problem: down.message });
  await renameLocationOf(DEMO_MAC, 'While it was down');
  versions.mockRestore();
  await until(() => mirrored('While it was down'));
  expect(central.get(NudgeService).problem).toBeUndefined();
});

it('measures the time from the change to the proof', async () => {
  await renameLocationOf(DEMO_MAC, 'Measured');
  await until(() => mirrored('Measured'));
  const text = await (await fetch(`${central.url}/metrics`)).text();
  expect(text).toMatch(/rivulet_central_published_to_proved_seconds_count [1-9]/);
});

it('keeps what a heartbeat says of the edge', async () => {
  const presence = central.get(Presence);
  const read = async () => {
    await presence.flush();
    const { rows } = await central.database.pool.query<{ metrics: object | null; version: string }>(
      'SELECT metrics, version FROM rivulet.devices WHERE mac_address = $1',
      [DEMO_MAC],
    );
    return rows[0]!;
  };
  await until(async () => (await read()).metrics !== null);
  const { metrics, version } = await read();
  expect(metrics).toMatchObject({
    cpu_usage: expect.any(Number) as number,
    memory_usage: expect.any(Number) as number,
    disk_usage: expect.any(Number) as number,
    uptime_seconds: expect.any(Number) as number,
    database_bytes: expect.any(Number) as number,
    last_cycle: expect.stringMatching(/applied|current/) as string,
  });
  expect(version).toMatch(/^\d+\.\d+/);
});
