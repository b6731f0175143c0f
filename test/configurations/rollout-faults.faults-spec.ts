import { ConfigurationStore } from '../../apps/central/src/configurations/store/configuration-store';
import { Presence } from '../../apps/central/src/devices/registry/presence';
import { CentralInProcess } from '../support/apps/central-in-process';
import { lookAtRollouts, RolloutFleet } from '../support/clients/rollout-fleet';
import type { RolloutPage } from '../support/documents/rollout-page';

const gate = { healthySeconds: 0, appliedPercent: 100, healthyPercent: 100 };
const twoStages = { stages: [{ count: 2 }, { percent: 100 }], gate };

let central: CentralInProcess;
let other: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start();
  other = await CentralInProcess.join(central);
});
afterAll(async () => {
  await other.stop();
  await central.stop();
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** Polls and looks, as long as stages may take. */
async function goOn(fleet: RolloutFleet, on = [central, other]): Promise<void> {
  for (let step = 0; step < 4; step++) {
    await lookAtRollouts(...on);
    await fleet.pollAll();
  }
  await lookAtRollouts(...on);
}

it('of operators who steer at once at two centrals each gets what fits the state that the one before has left', async () => {
  const fleet = await RolloutFleet.start(central, 4);
  const rollout = await fleet.begin(twoStages);
  await fleet.pollAll();
  expect(fleet.with(2)).toHaveLength(2);
  for (let round = 0; round < 5; round++) {
    const steered = await Promise.all(
      [central, other, central, other].flatMap((on) => [
        fleet.steer(rollout, 'pause', {}, on),
        fleet.steer(rollout, 'resume', {}, on),
      ]),
    );
    expect(steered.every(([status]) => status === 200 || status === 409)).toBe(true);
    const taken = steered.filter(([status]) => status === 200).length;
    const { events, status } = await fleet.page(rollout);
    const words = events.map(({ what }) => what).filter((what) => what === 'paused' || what === 'resumed');
    // Each one that was taken is an event, and they take turns.
    expect(words).toEqual(words.map((_, at) => (at % 2 === 0 ? 'paused' : 'resumed')));
    expect(taken).toBeGreaterThan(0);
    expect(status).toBe(words.at(-1) === 'paused' ? 'paused' : 'running');
  }
  const ended = await Promise.all([
    ...[central, other].flatMap((on) => [
      fleet.steer(rollout, 'abort', {}, on),
      fleet.steer(rollout, 'pause', {}, on),
    ]),
    lookAtRollouts(central, other),
  ]);
  expect(new Set([ended[0]![0], ended[2]![0]])).toEqual(new Set([200, 409]));
  await fleet.pollAll();
  expect(fleet.with(1)).toHaveLength(4);
  expect((await fleet.page(rollout)).events.filter(({ what }) => what === 'aborted')).toHaveLength(1);
});

it('a central that is started again goes on in the middle of a stage', async () => {
  const fleet = await RolloutFleet.start(central, 6);
  const third = await CentralInProcess.join(central);
  const rollout = await fleet.begin(twoStages);
  await lookAtRollouts(third);
  await fleet.devices[0]!.poll();
  await third.stop();
  const again = await CentralInProcess.join(central);
  try {
    await fleet.pollAll();
    expect(fleet.with(2)).toHaveLength(2);
    await goOn(fleet, [again]);
    expect(await fleet.page(rollout)).toMatchObject({ status: 'completed' });
    expect(fleet.devices.map(({ runs }) => runs)).toEqual(fleet.devices.map(() => [1, 2]));
  } finally {
    await again.stop();
  }
});

it('a step that breaks off leaves nothing, and is taken later', async () => {
  const fleet = await RolloutFleet.start(central, 3);
  const rollout = await fleet.begin({ stages: [{ count: 1 }, { percent: 100 }], gate });
  // Centrals look by themselves, too, as soon as the devices have reported.
  const broken = jest
    .spyOn(ConfigurationStore.prototype, 'changeReach')
    .mockRejectedValue(new Error('the database is away'));
  await fleet.pollAll();
  await lookAtRollouts(central);
  await lookAtRollouts(central);
  expect(broken).toHaveBeenCalled();
  await fleet.pollAll();
  expect(fleet.with(2)).toHaveLength(1);
  const { events } = await fleet.page(rollout);
  expect(events.map(({ what, stage }) => `${what} ${stage}`)).toEqual(['created 1', 'began 1', 'passed 1']);
  broken.mockRestore();
  await goOn(fleet);
  expect((await fleet.page(rollout)).status).toBe('completed');
});

it('devices that come, go, or change their labels in the middle are where the stages have them then', async () => {
  const fleet = await RolloutFleet.start(central, 6, { labels: ['batch:new'] });
  const rollout = await fleet.begin({ stages: [{ labels: ['canary:yes'] }, { percent: 100 }], gate });
  // The stage must not pass while it is looked at.
  await fleet.steer(rollout, 'pause');
  const [one, two] = fleet.devices as [(typeof fleet.devices)[0], (typeof fleet.devices)[0]];
  const label = (id: string, labels: object): Promise<unknown> =>
    central.call('PATCH', `/api/devices/${id}`, { labels });
  const reached = async (): Promise<string[]> => {
    await fleet.pollAll();
    return fleet.with(2).map(({ id }) => id);
  };
  expect(await reached()).toEqual([]);
  await label(one.id, { canary: 'yes' });
  expect(await reached()).toEqual([one.id]);
  // It has lost what it had the version for: it gets back what others have.
  await label(one.id, {});
  await label(two.id, { canary: 'yes' });
  expect(await reached()).toEqual([two.id]);
  expect(one.runs).toEqual([1, 2, 1]);

  const late = await fleet.join();
  await label(late.id, { batch: 'new', canary: 'yes' });
  expect(await reached()).toEqual([two.id, late.id]);
  expect((await fleet.page(rollout)).stages[0]).toMatchObject({ devices: 2, applied: 2 });

  await central.call('POST', `/api/devices/${two.id}/revoke`, {});
  await central.call('DELETE', `/api/devices/${fleet.devices[2]!.id}`);
  await fleet.steer(rollout, 'resume');
  await goOn(fleet);
  expect(await fleet.page(rollout)).toMatchObject({
    status: 'completed',
    stages: [
      { devices: 1, applied: 1 },
      { devices: 4, applied: 4 },
    ],
  });
});

it('two rollouts at once do not meet, although they are for the same devices', async () => {
  const first = await RolloutFleet.start(central, 5);
  const second = await RolloutFleet.start(central, 5);
  const begun = await Promise.all([first.begin(twoStages), second.begin(twoStages)]);
  for (const device of second.devices) device.refuses = (version) => version === 2;
  await Promise.all([goOn(first), goOn(second)]);
  expect((await first.page(begun[0])).status).toBe('completed');
  expect(await second.page(begun[1])).toMatchObject({ status: 'aborted', reason: 'failures', stage: 1 });
  expect([first.with(2).length, second.with(1).length]).toEqual([5, 5]);
});

it('an old version goes out again in stages, as a new one', async () => {
  const fleet = await RolloutFleet.start(central, 4);
  await fleet.add({ data: { n: 2 } });
  await fleet.pollAll();
  const restored = `/api/configurations/${fleet.name}/versions/1/restore`;
  expect(await central.call('POST', restored, { release: false })).toMatchObject([
    201,
    { version: 4, restoredFrom: 1, data: { n: 1 } },
  ]);
  const rollout = await fleet.begin(twoStages);
  await fleet.pollAll();
  expect(fleet.with(4)).toHaveLength(2);
  await goOn(fleet);
  expect((await fleet.page(rollout)).status).toBe('completed');
  expect(fleet.devices.map(({ runs }) => runs)).toEqual(fleet.devices.map(() => [1, 3, 4]));
});

describe.each([
  ['1970', '1970-01-02T00:00:00Z'],
  ['2099', '2099-01-01T00:00:00Z'],
])("while central's clock says %s", (_, now) => {
  /** The date alone: what is waited for goes on. */
  const setClock = (): void => {
    jest.useFakeTimers({
      now: new Date(now),
      doNotFake: [
        'hrtime',
        'nextTick',
        'performance',
        'queueMicrotask',
        'setImmediate',
        'clearImmediate',
        'setInterval',
        'clearInterval',
        'setTimeout',
        'clearTimeout',
      ],
    });
  };

  it('neither a deadline nor the time of health is taken for over, or never is', async () => {
    const fleet = await RolloutFleet.start(central, 2);
    const plan = { stages: [{ percent: 100 }], gate: { ...gate, healthySeconds: 60, deadlineSeconds: 600 } };
    setClock();
    const rollout = await fleet.begin(plan);
    await fleet.steer(rollout, 'pause');
    await fleet.steer(rollout, 'resume');
    await hear(fleet);
    expect(await look(fleet, rollout)).toMatchObject({
      status: 'running',
      stages: [{ applied: 2, healthy: 0 }],
    });
    await past(`UPDATE rivulet.configuration_devices SET applied_at = applied_at - interval '61 s'`);
    await hear(fleet);
    expect(await look(fleet, rollout)).toMatchObject({ status: 'completed', stages: [{ healthy: 2 }] });
  });

  it('the deadline counts from when the rollout was resumed', async () => {
    const fleet = await RolloutFleet.start(central, 1);
    setClock();
    const rollout = await fleet.begin({
      stages: [{ percent: 100 }],
      gate: { ...gate, deadlineSeconds: 600 },
    });
    await fleet.steer(rollout, 'pause');
    await fleet.steer(rollout, 'resume');
    await past(`UPDATE rivulet.rollouts SET since = since - interval '599 s'`);
    expect((await look(fleet, rollout)).status).toBe('running');
    await past(`UPDATE rivulet.rollouts SET since = since - interval '2 s'`);
    expect(await look(fleet, rollout)).toMatchObject({ status: 'paused', reason: 'deadline' });
  });
});

async function past(text: string): Promise<void> {
  await central.database.pool.query(text);
}

async function hear(fleet: RolloutFleet): Promise<void> {
  await fleet.pollAll();
  await central.get(Presence).flush();
}

async function look(fleet: RolloutFleet, rollout: RolloutPage): Promise<RolloutPage> {
  await lookAtRollouts(central);
  return fleet.page(rollout);
}
