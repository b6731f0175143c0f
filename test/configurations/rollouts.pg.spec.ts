import { CentralInProcess } from '../support/apps/central-in-process';
import { lookAtRollouts, RolloutFleet } from '../support/clients/rollout-fleet';
import type { RolloutPage as Page } from '../support/documents/rollout-page';
import { SimulatedDevice } from '../support/clients/simulated-device';

const DEVICES = 12;
const gate = { healthySeconds: 0, appliedPercent: 100, healthyPercent: 100 };
const stages = [{ count: 2 }, { count: 6 }, { percent: 100 }];

let central: CentralInProcess;
let fleet: RolloutFleet;
let devices: SimulatedDevice[];
let name: string;

beforeAll(async () => {
  central = await CentralInProcess.start();
});
afterAll(() => central.stop());

async function setUp(count = DEVICES): Promise<void> {
  fleet = await RolloutFleet.start(central, count);
  ({ name, devices } = fleet);
}

async function sql(text: string): Promise<void> {
  await central.database.pool.query(text);
}

const add = (body: object): Promise<[number, Record<string, unknown>]> => fleet.add(body);
const begin = (plan: object = { stages, gate }): Promise<Page> => fleet.begin(plan);
const pollAll = (): Promise<void> => fleet.pollAll();
const look = (on = [central]): Promise<void> => lookAtRollouts(...on);
const page = (rollout: Page): Promise<Page> => fleet.page(rollout);
const steer = (rollout: Page, what: string, body?: object): Promise<[number, Page]> =>
  fleet.steer(rollout, what, body);

const inForce = (): (number | undefined)[] => devices.map((device) => device.inForce);
const with2 = (): number => fleet.with(2).length;

it('a version goes out stage by stage, and is released when the last one has passed', async () => {
  await setUp();
  const rollout = await begin();
  expect(rollout).toMatchObject({
    version: 2,
    previousVersion: 1,
    stage: 1,
    stages: [{ state: 'running', devices: 2, waiting: 2 }, { state: 'waiting', devices: null }, {}],
  });
  for (const reached of [2, 6, DEVICES]) {
    await pollAll();
    expect(with2()).toBe(reached);
    await look();
  }
  expect(await page(rollout)).toMatchObject({
    status: 'completed',
    stages: [
      { devices: 2, applied: 2, state: 'passed' },
      { devices: 4, applied: 4 },
      { devices: 6, applied: 6 },
    ],
    finishedAt: expect.any(String),
  });
  expect(await central.call('GET', `/api/configurations/${name}`)).toMatchObject([
    200,
    { releasedVersion: 2 },
  ]);
  const [, audit] = await central.call<{ entries?: object[] }>('GET', '/api/audit?action=rollout.create');
  expect(JSON.stringify(audit)).toContain(rollout.rolloutId);
});

it('one whose second stage fails stops there, and every device that had it is back', async () => {
  await setUp();
  const rollout = await begin();
  await pollAll();
  await look();
  const canaries = with2();
  for (const device of devices) device.refuses = (version) => version === 2;
  await pollAll();
  await look();

  expect(await page(rollout)).toMatchObject({
    status: 'aborted',
    stage: 2,
    reason: 'failures',
    failures: [{ reason: 'WORKER_REFUSED: not this one', devices: 4 }],
    stages: [{ state: 'passed' }, { state: 'stopped', devices: 4, failed: 4 }, { state: 'waiting' }],
    events: [
      { what: 'created', by: 'admin' },
      { what: 'began', stage: 1 },
      { what: 'passed', stage: 1 },
      { what: 'began', stage: 2 },
      { what: 'aborted', stage: 2, by: null },
    ],
  });
  await pollAll();
  expect(inForce()).toEqual(devices.map(() => 1));
  expect(devices.map(({ runs }) => runs).filter((runs) => runs.includes(2))).toHaveLength(canaries);
  await pollAll();
  expect(devices.every(({ held }) => held === '"1"')).toBe(true);
});

it('while one is under way, another and a release at once are refused, and a version that waits is not', async () => {
  await setUp(1);
  const rollout = await begin();
  const active = [409, { code: 'ROLLOUT_ACTIVE' }];
  expect(await central.call('POST', `/api/configurations/${name}/rollouts`, {})).toMatchObject(active);
  expect(await add({ data: { n: 3 } })).toMatchObject(active);
  expect(await central.call('POST', `/api/configurations/${name}/versions/1/restore`, {})).toMatchObject(
    active,
  );
  expect(await add({ data: { n: 3 }, release: false })).toMatchObject([201, { version: 3 }]);
  expect(await steer(rollout, 'abort', { comment: 'wrong one' })).toMatchObject([
    200,
    { status: 'aborted', reason: 'operator', detail: 'wrong one' },
  ]);
  const old = await central.call('POST', `/api/configurations/${name}/rollouts`, { version: 1 });
  expect(old).toMatchObject([409, { code: 'CONFIGURATION_CONFLICT' }]);
  expect((await begin({})).version).toBe(3);
});

it('one of many orders at the same time begins', async () => {
  await setUp(1);
  const orders = Array.from({ length: 8 }, () =>
    central.call('POST', `/api/configurations/${name}/rollouts`, { stages, gate }),
  );
  const statuses = (await Promise.all(orders)).map(([status]) => status);
  expect(statuses.toSorted((one, other) => one - other)).toEqual([
    201,
    ...Array.from({ length: 7 }, () => 409),
  ]);
});

it('a rollout is paused, goes on, and says no to what does not fit', async () => {
  await setUp(4);
  const rollout = await begin({ stages: [{ count: 1 }, { percent: 100 }], gate });
  const conflict = [409, { code: 'ROLLOUT_CONFLICT' }];
  expect(await steer(rollout, 'resume')).toMatchObject(conflict);
  expect(await steer(rollout, 'pause')).toMatchObject([200, { status: 'paused', reason: 'operator' }]);
  await pollAll();
  await look();
  expect([with2(), (await page(rollout)).stage]).toEqual([1, 1]);
  expect(await steer(rollout, 'pause')).toMatchObject(conflict);
  expect(await steer(rollout, 'resume')).toMatchObject([200, { status: 'running' }]);
  await look();
  await pollAll();
  expect(with2()).toBe(4);
  await look();
  expect((await page(rollout)).status).toBe('completed');
  for (const what of ['pause', 'resume', 'abort']) expect(await steer(rollout, what)).toMatchObject(conflict);
  expect(await central.call('GET', '/api/rollouts/none')).toMatchObject([404, { code: 'ROLLOUT_UNKNOWN' }]);
});

it('a rollout does not wait for devices that were revoked or deleted, and pauses when silent ones keep it from going on', async () => {
  await setUp(4);
  const rollout = await begin({ stages: [{ percent: 100 }], gate: { ...gate, deadlineSeconds: 3_600 } });
  await devices[0]!.poll();
  await look();
  expect((await page(rollout)).status).toBe('running');
  await sql(`UPDATE rivulet.rollouts SET since = since - interval '1 hour'`);
  await look();
  expect(await page(rollout)).toMatchObject({
    status: 'paused',
    reason: 'deadline',
    detail: expect.stringContaining('1 of 4 devices applied it'),
  });
  expect(await central.call('GET', '/health')).toMatchObject([
    200,
    { details: { rollouts: { problem: expect.stringContaining(rollout.rolloutId) } } },
  ]);

  await steer(rollout, 'resume');
  await devices[1]!.poll();
  await central.call('POST', `/api/devices/${devices[2]!.id}/revoke`, {});
  await central.call('DELETE', `/api/devices/${devices[3]!.id}`);
  await look();
  expect((await page(rollout)).status).toBe('completed');
});

it('an operator may take a gate for passed', async () => {
  await setUp(2);
  const rollout = await begin({ stages: [{ percent: 100 }], gate });
  await steer(rollout, 'pause');
  expect(await steer(rollout, 'resume', { passGate: true })).toMatchObject([200, { status: 'completed' }]);
  await pollAll();
  expect(inForce()).toEqual([2, 2]);
});

it('a device that joins, or was away for many versions, gets the newest that it is a target of', async () => {
  await setUp(3);
  const away = devices.pop()!;
  const rollout = await begin({ stages: [{ labels: ['line:9'] }, { percent: 100 }], gate });
  expect(await away.poll()).toBeUndefined();
  await central.call('PATCH', `/api/devices/${away.id}`, { labels: { line: '9' } });
  expect(await away.poll()).toBe(2);
  await look();
  await pollAll();
  await look();
  expect((await page(rollout)).status).toBe('completed');
  await add({ data: { n: 3 }, targets: null });
  await add({ data: { n: 4 }, release: false, targets: null });
  await begin({ stages: [{ percent: 100 }], gate });
  const joined = await SimulatedDevice.register(central, name, `${name}-late`);
  expect([await joined.poll(), await away.poll()]).toEqual([4, 4]);
  expect(away.runs).toEqual([1, 2, 4]);
});

it('several centrals take each step once, and send the same', async () => {
  await setUp(6);
  const other = await CentralInProcess.join(central);
  try {
    const rollout = await begin({ stages: [{ count: 1 }, { count: 3 }, { percent: 100 }], gate });
    for (let round = 0; round < 4; round++) {
      await pollAll();
      await Promise.all([look([central, other]), look([other, central])]);
    }
    const { status, events } = await page(rollout);
    expect(status).toBe('completed');
    expect(events.map(({ what, stage }) => `${what} ${stage}`)).toEqual([
      'created 1',
      'began 1',
      'passed 1',
      'began 2',
      'passed 2',
      'began 3',
      'completed 3',
    ]);
  } finally {
    await other.stop();
  }
});

it.each([
  ['a last stage that is not for all', { stages: [{ percent: 50 }] }],
  ['a stage that says two things', { stages: [{ percent: 50, count: 3 }, { percent: 100 }] }],
  ['a stage that says nothing', { stages: [{}, { percent: 100 }] }],
  ['21 stages', { stages: Array.from({ length: 21 }, () => ({ percent: 100 })) }],
  ['a share above 100', { gate: { appliedPercent: 101 } }],
  ['a deadline of nothing', { gate: { deadlineSeconds: 0 } }],
  ['another word for its end', { onFailure: 'explode' }],
])('%s is refused', async (_, plan) => {
  const answer = await central.call('POST', '/api/configurations/default/rollouts', plan);
  expect(answer).toMatchObject([400, { code: 'REQUEST_INVALID' }]);
});

it('without a version there is nothing to bring', async () => {
  const answer = await central.call('POST', '/api/configurations/nobody/rollouts', {});
  expect(answer).toMatchObject([404, { code: 'CONFIGURATION_UNKNOWN' }]);
});

it('in a gate for data a device counts that has proved its last sync', async () => {
  await setUp(1);
  const rollout = await begin({ stages: [{ percent: 100 }], gate: { ...gate, currentPercent: 100 } });
  await pollAll();
  await look();
  expect((await page(rollout)).status).toBe('running');
  await prove(devices[0]!.id);
  await look();
  expect(await page(rollout)).toMatchObject({ status: 'completed', stages: [{ current: 1 }] });
});

async function prove(deviceId: string): Promise<void> {
  const manifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
  await sql(`INSERT INTO rivulet.sync_manifests (manifest_id, request_id, device_id, mac_address, epoch, sequence,
      schema_version, document, issued_at, registry_id)
    VALUES ('${manifestId}', 'r', 'd', 'm', 1, 1, 's', 'd', now(), '${deviceId}')`);
  await sql(`INSERT INTO rivulet.sync_acknowledgements (manifest_id, device_id, status, cycle_id, finished_at,
      duration_ms, tables)
    VALUES ('${manifestId}', 'd', 'applied', 'c', now(), 1, '[]')`);
}
