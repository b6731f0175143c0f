import { setTimeout as delay } from 'node:timers/promises';
import { CentralBus } from '../../apps/central/src/bus/central-bus';
import { DeviceProgress } from '../../apps/central/src/fleet/device-progress';
import { FleetSummaryService, type FleetSummary } from '../../apps/central/src/fleet/fleet-summary.service';
import { CentralProcesses } from '../../apps/central/src/devices/presence/central-processes';
import { Connections } from '../../apps/central/src/devices/presence/connections';
import { Presence } from '../../apps/central/src/devices/registry/presence';
import { SyncOutcomes } from '../../apps/central/src/device-sync/sync-outcomes';
import { AgentSessions } from '../../apps/central/src/live/sessions/agent-sessions';
import { CentralInProcess } from '../support/apps/central-in-process';
import { TestAgent } from '../support/clients/test-agent';

let one: CentralInProcess;
let two: CentralInProcess;

beforeAll(async () => {
  const variables = { CENTRAL_DEVICE_AUTH: 'mac', CENTRAL_SILENT_AFTER: '10m' };
  one = await CentralInProcess.start(variables);
  two = await CentralInProcess.join(one, variables);
});
afterAll(async () => {
  await two?.stop();
  await one?.stop();
});
beforeEach(async () => {
  await one.database.pool.query('TRUNCATE rivulet.devices, rivulet.device_connections CASCADE');
});

async function summaryOf(central: CentralInProcess, query = ''): Promise<FleetSummary> {
  for (const each of [one, two]) {
    await each.get(CentralProcesses).beat();
    await each.get(Connections).flush();
    await each.get(DeviceProgress).flush();
    await each.get(Presence).flush();
  }
  return readAgain(central, query);
}

/** Past what is remembered for a second. */
async function readAgain(central: CentralInProcess, query = ''): Promise<FleetSummary> {
  Object.assign(central.get(FleetSummaryService), { last: undefined });
  const [status, summary] = await central.call<FleetSummary>('GET', `/api/fleet/summary${query}`);
  expect(status).toBe(200);
  return summary;
}

async function device(name: string, kind: 'edge' | 'agent' = 'edge'): Promise<string> {
  const [, { deviceId }] = await one.call<{ deviceId: string }>('POST', '/api/devices', { name, kind });
  return deviceId;
}

async function agent(central: CentralInProcess, name: string): Promise<[TestAgent, string]> {
  const deviceId = await device(name, 'agent');
  const [, { token }] = await one.call<{ token: string }>('POST', `/api/devices/${deviceId}/token`);
  const agentThere = await TestAgent.overTcp(central.agentPort, name);
  await agentThere.register(token);
  return [agentThere, deviceId];
}

const tell = (central: CentralInProcess, ...told: Parameters<SyncOutcomes['tell']>): void =>
  central.get(SyncOutcomes).tell(...told);

async function ago(deviceId: string, interval: string): Promise<void> {
  await one.get(DeviceProgress).flush();
  await one.database.pool.query(
    `UPDATE rivulet.device_progress SET confirmed_at = now() - $2::interval WHERE device_id = $1`,
    [deviceId, interval],
  );
  await one.database.pool.query(
    `UPDATE rivulet.devices SET last_seen_at = now() - $2::interval WHERE device_id = $1`,
    [deviceId, interval],
  );
}

it('counts each device in one state, and says what to do about those that need attention', async () => {
  const [current, behind, failing, silent] = await Promise.all(
    ['current', 'behind', 'failing', 'silent', 'never'].map((name) => device(name)),
  );
  tell(one, current, { kind: 'current', manifestId: 'M1' });
  tell(one, behind, { kind: 'applied', manifestId: 'M1', isFirst: true });
  tell(one, behind, { kind: 'issued', manifestId: 'M2' });
  tell(one, failing, { kind: 'applied', manifestId: 'M1', isFirst: true });
  one.get(Presence).note(failing!);
  tell(one, failing, { kind: 'failed', code: 'DISK_FULL', table: 'users' });
  tell(one, silent, { kind: 'current', manifestId: 'M1' });
  await ago(silent!, '20 minutes');

  const summary = await summaryOf(two);

  expect(summary.states).toEqual({ current: 1, behind: 1, failing: 1, silent: 1, never: 1 });
  expect(summary).toMatchObject({ total: 5, online: 0, worstLag: { deviceId: silent, state: 'silent' } });
  expect(summary.worstLag!.lagSeconds).toBeGreaterThanOrEqual(1_200);
  expect(summary.reasons).toEqual([
    { code: 'DISK_FULL', devices: 1, nextStep: expect.stringMatching(/\w/) as string },
  ]);
  expect(summary.devices.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['failing', 'silent', 'behind', 'never']),
  );
  expect(summary.devices).toHaveLength(4);
  expect(summary.devices[0]).toMatchObject({ deviceId: failing, code: 'DISK_FULL', table: 'users' });
  for (const { nextStep } of summary.devices) expect(nextStep).toMatch(/\w/);
  expect((await summaryOf(one, '?devices=1')).devices).toHaveLength(1);
});

it('has in it what the process that is asked was told a moment ago', async () => {
  const deviceId = await device('gate');
  tell(one, deviceId, { kind: 'issued', manifestId: 'M1' });
  expect((await readAgain(one)).states).toMatchObject({ current: 0, never: 1 });
  tell(one, deviceId, { kind: 'applied', manifestId: 'M1', isFirst: true });
  expect((await readAgain(one)).states).toMatchObject({ current: 1, never: 0 });
  tell(one, deviceId, { kind: 'issued', manifestId: 'M2' });
  expect((await readAgain(one)).states).toMatchObject({ current: 0, behind: 1 });
});

it('says the same whichever process was asked for what, and whichever wrote first', async () => {
  const deviceId = await device('gate');
  tell(two, deviceId, { kind: 'applied', manifestId: 'M1', isFirst: true });
  await two.get(DeviceProgress).flush();
  tell(one, deviceId, { kind: 'issued', manifestId: 'M1' });
  expect((await summaryOf(one)).states).toMatchObject({ current: 1, behind: 0 });

  tell(one, deviceId, { kind: 'issued', manifestId: 'M2' });
  await one.get(DeviceProgress).flush();
  expect((await summaryOf(two)).states).toMatchObject({ current: 0, behind: 1 });
  tell(two, deviceId, { kind: 'applied', manifestId: 'M2', isFirst: true });
  expect((await summaryOf(one)).states).toMatchObject({ current: 1, behind: 0 });
});

it('forgets a failure with the next confirmation, and keeps since when it lasts', async () => {
  const deviceId = await device('gate');
  one.get(Presence).note(deviceId);
  tell(one, deviceId, { kind: 'failed', code: 'CHECKSUM_MISMATCH' });
  await summaryOf(one);
  await one.database.pool.query(`UPDATE rivulet.device_progress SET failing_since = '2020-01-01'`);
  tell(two, deviceId, { kind: 'failed', code: 'CHECKSUM_MISMATCH' });
  expect((await summaryOf(one)).states).toMatchObject({ failing: 1 });
  const { rows } = await one.database.pool.query<{ year: number }>(
    'SELECT extract(year FROM failing_since)::int AS year FROM rivulet.device_progress',
  );
  expect(rows).toEqual([{ year: 2020 }]);
  tell(two, deviceId, { kind: 'current', manifestId: 'M1' });
  expect(await summaryOf(one)).toMatchObject({
    states: { failing: 0, current: 1 },
    reasons: [],
    worstLag: null,
  });
});

it("has central's own PostgreSQL as the bus between processes unless another is set", async () => {
  const bus = one.get(CentralBus);
  const isHeard = Promise.withResolvers<unknown>();
  const subscription = await two.get(CentralBus).subscribe('test', ({ body }) => isHeard.resolve(body));
  while (!bus.state.isConnected || !two.get(CentralBus).state.isConnected) await delay(10);
  await bus.publish('test', 'word');
  expect([bus.name, await isHeard.promise]).toEqual(['postgres:', 'word']);
  await subscription.close();
});

it('shows who is connected to any central, and nobody of a central that was killed', async () => {
  const [here] = await agent(one, 'here');
  const [there] = await agent(two, 'there');
  expect((await summaryOf(one)).agents).toEqual({ total: 2, online: 2 });
  const { centrals } = await summaryOf(two);
  expect(centrals.map(({ connected }) => connected)).toEqual([1, 1]);
  expect(centrals).toContainEqual(
    expect.objectContaining({ processId: two.get(CentralProcesses).id, degraded: [] }),
  );

  // What a killed process leaves: its row, of which no beat comes any more. The time is that of its next beat at the latest.
  const { id } = two.get(CentralProcesses);
  const { rows } = await one.database.pool.query<{ seconds: number }>(
    `SELECT extract(epoch FROM alive_until - clock_timestamp())::float8 AS seconds FROM rivulet.central_processes
     WHERE process_id = $1`,
    [id],
  );
  expect(rows[0]!.seconds).toBeLessThanOrEqual(5);
  const beat = jest.spyOn(two.get(CentralProcesses), 'beat').mockResolvedValue();
  await one.database.pool.query(
    'UPDATE rivulet.central_processes SET alive_until = clock_timestamp() WHERE process_id = $1',
    [id],
  );
  const seen = await summaryOf(one);
  expect(seen.agents).toEqual({ total: 2, online: 1 });
  expect(seen.centrals).toHaveLength(1);

  // It was only paused for long: another has removed its row, and it enters all that it has again.
  await one.database.pool.query('DELETE FROM rivulet.central_processes WHERE process_id = $1', [id]);
  beat.mockRestore();
  expect((await summaryOf(one)).agents).toEqual({ total: 2, online: 2 });

  here.destroy();
  there.destroy();
});

it('shows a device as offline before three heartbeats have passed without a word, and again once it says something', async () => {
  const [there, deviceId] = await agent(one, 'there');
  const session = one.get(AgentSessions).devices.get(deviceId)!;
  const silentMs = jest.spyOn(session, 'silentMs').mockReturnValue(12_400);
  one.get(AgentSessions).check();
  expect((await summaryOf(two)).agents.online).toBe(1);
  silentMs.mockReturnValue(12_600);
  one.get(AgentSessions).check();
  expect((await summaryOf(two)).agents.online).toBe(0);
  silentMs.mockRestore();
  there.send({ type: 'HEARTBEAT', id: 'late', data: {} });
  await there.next();
  one.get(AgentSessions).check();
  expect((await summaryOf(two)).agents.online).toBe(1);
  there.destroy();
});

it('moves a device that has connected to another central, whose first connection ends', async () => {
  const deviceId = await device('mover', 'agent');
  const [, { token }] = await one.call<{ token: string }>('POST', `/api/devices/${deviceId}/token`);
  const first = await TestAgent.overTcp(one.agentPort, 'mover');
  await first.register(token);
  await summaryOf(one);
  const session = one.get(AgentSessions).devices.get(deviceId)!;
  Object.assign(session, { connectedAt: new Date(Date.now() - 60_000) });
  const second = await TestAgent.overTcp(two.agentPort, 'mover');
  await second.register(token);

  await first.closed();

  expect(first.received).toContainEqual(
    expect.objectContaining({ data: expect.objectContaining({ code: 'AGENT_REPLACED' }) as object }),
  );
  const { centrals, agents } = await summaryOf(one);
  expect(agents).toEqual({ total: 1, online: 1 });
  expect(centrals.find(({ connected }) => connected === 1)?.processId).toBe(two.get(CentralProcesses).id);
  second.destroy();
});

it('does not lose a device that came back here while another process wrote that it has it', async () => {
  const [there, deviceId] = await agent(two, 'there');
  await summaryOf(one);
  await one.database.pool.query('UPDATE rivulet.device_connections SET process_id = $1', [
    one.get(CentralProcesses).id,
  ]);
  await one.get(Connections).reconcile();
  await two.get(Connections).reconcile();
  const { rows } = await one.database.pool.query(
    'SELECT device_id, process_id FROM rivulet.device_connections',
  );
  expect(rows).toEqual([{ device_id: deviceId, process_id: two.get(CentralProcesses).id }]);
  there.destroy();
});

it('knows from heartbeats of failures that never reach central', async () => {
  const deviceId = await device('gate');
  const [, { token }] = await one.call<{ token: string }>('POST', `/api/devices/${deviceId}/token`);
  const edge = await TestAgent.overTcp(one.agentPort, 'gate');
  await edge.register(token);
  const beat = async (data: object): Promise<void> => {
    edge.send({ type: 'HEARTBEAT', id: 'x', data });
    await edge.next();
  };
  await beat({ last_cycle: 'failed', last_cycle_error: 'DISK_FULL' });
  expect(await summaryOf(two)).toMatchObject({ online: 1, reasons: [{ code: 'DISK_FULL', devices: 1 }] });
  await beat({ last_cycle: 'failed', last_cycle_error: 'not a code at all' });
  expect((await summaryOf(two)).reasons).toMatchObject([{ code: 'INTERNAL' }]);
  await beat({ last_cycle: 'applied', last_cycle_error: null });
  expect((await summaryOf(two)).reasons).toEqual([]);
  edge.destroy();
});

it('has the same as metrics', async () => {
  const deviceId = await device('gate');
  tell(one, deviceId, { kind: 'current', manifestId: 'M1' });
  await summaryOf(one);
  const text = await (await fetch(`${one.url}/metrics`)).text();
  expect(text).toContain('rivulet_central_fleet_devices{state="current"} 1');
  expect(text).toContain('rivulet_central_fleet_worst_lag_seconds 0');
});
