import { standingOf, type DeviceFact } from '../../../test/rollout-model';
import { advance } from './advance';
import { estimateEnd } from './estimate-end';
import {
  defaultGate,
  problemOf,
  type RolloutGate,
  type RolloutPlan,
  type StageMembers,
} from './rollout-plan';
import type { RolloutState } from './rollout-state';
import { bucketOf, BUCKETS, stageOf } from './stage-of';

const ID = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const T0 = new Date('2026-11-27T08:00:00Z');
const gate: RolloutGate = { ...defaultGate, healthySeconds: 0, deadlineSeconds: 600 };

const after = (seconds: number): Date => new Date(T0.getTime() + seconds * 1_000);

function planOf(
  stages: StageMembers[],
  changes: Partial<RolloutGate> = {},
  onFailure = 'abort',
): RolloutPlan {
  const planned = stages.map((stage) => ({ ...stage, gate: { ...gate, ...changes } }));
  return { stages: planned, onFailure } as RolloutPlan;
}

const start: RolloutState = {
  status: 'running',
  stage: 0,
  bounds: [],
  since: T0,
  beganAt: T0,
  reason: null,
  detail: null,
};

/** Those with the lowest buckets first. */
function fleet(count: number): DeviceFact[] {
  return Array.from({ length: count }, (_, n) => `device ${n}`)
    .toSorted((one, other) => bucketOf(ID, one) - bucketOf(ID, other))
    .map((deviceId) => ({
      deviceId,
      labels: {},
      status: 'waiting',
      reason: null,
      appliedAt: null,
      heardAt: null,
      isCurrent: false,
    }));
}

function set(facts: DeviceFact[], from: number, to: number, changes: Partial<DeviceFact>): void {
  for (const fact of facts.slice(from, to)) Object.assign(fact, changes);
}

const steps = (plan: RolloutPlan, state: RolloutState, facts: DeviceFact[], now = T0): RolloutState =>
  advance(plan, state, standingOf(ID, plan, state, facts), now);

const reached = (plan: RolloutPlan, { bounds }: RolloutState, facts: DeviceFact[]): number =>
  facts.filter(({ deviceId, labels }) => stageOf(plan, bounds, bucketOf(ID, deviceId), labels) !== undefined)
    .length;

it('reaches the share of each stage, the same devices and more of them, and completes', () => {
  const plan = planOf([{ count: 3 }, { percent: 50 }, { percent: 100 }]);
  const facts = fleet(400);
  let state = steps(plan, start, facts);
  expect([state.stage, reached(plan, state, facts)]).toEqual([0, 3]);
  expect(steps(plan, state, facts)).toBe(state);

  set(facts, 0, 3, { status: 'applied' });
  state = steps(plan, steps(plan, state, facts), facts);
  const half = reached(plan, state, facts);
  expect(half).toBeGreaterThan(150);
  expect(half).toBeLessThan(250);
  expect(standingOf(ID, plan, state, facts)).toMatchObject({
    stages: [
      { devices: 3, applied: 3 },
      { devices: half - 3, waiting: half - 3 },
    ],
    members: half,
  });

  set(facts, 0, half, { status: 'applied' });
  state = steps(plan, steps(plan, state, facts), facts);
  expect([state.stage, reached(plan, state, facts), state.bounds.at(-1)]).toEqual([2, 400, BUCKETS]);
  set(facts, 0, 400, { status: 'applied' });
  expect(steps(plan, state, facts)).toMatchObject({ status: 'completed', stage: 2 });
});

it('reaches one device at least, as nobody passes a gate by being nobody', () => {
  const plan = planOf([{ percent: 1 }, { percent: 100 }]);
  const facts = fleet(3);
  const state = steps(plan, start, facts);
  expect(reached(plan, state, facts)).toBe(1);
  const none = steps(plan, start, []);
  expect(steps(plan, none, [])).toBe(none);
});

it('takes others when all devices of a stage have gone, and does not wait for those that have', () => {
  const plan = planOf([{ count: 1 }, { percent: 100 }]);
  const facts = fleet(5);
  const state = steps(plan, start, facts);
  const left = facts.slice(1);
  const again = steps(plan, state, left);
  expect(reached(plan, again, left)).toBe(1);
  set(left, 0, 1, { status: 'applied' });
  expect(steps(plan, again, left)).toMatchObject({ stage: 1 });
});

it.each([
  ['abort', 'aborted'],
  ['pause', 'paused'],
])('does as the plan says when more fail than may: %s', (onFailure, status) => {
  const plan = planOf([{ count: 10 }, { percent: 100 }], { failedPercent: 10 }, onFailure);
  const facts = fleet(20);
  const state = steps(plan, start, facts);
  set(facts, 0, 1, { status: 'failed' });
  expect(steps(plan, state, facts)).toBe(state);
  set(facts, 1, 2, { status: 'failed' });
  expect(steps(plan, state, facts)).toMatchObject({
    status,
    reason: 'failures',
    detail: '2 of 10 devices of stage 1 have failed.',
  });
});

it('counts a device of an early stage that fails while a later one goes on', () => {
  const plan = planOf([{ count: 1 }, { percent: 100 }]);
  const facts = fleet(4);
  let state = steps(plan, start, facts);
  set(facts, 0, 1, { status: 'applied' });
  state = steps(plan, steps(plan, state, facts), facts);
  set(facts, 0, 1, { status: 'failed' });
  expect(steps(plan, state, facts)).toMatchObject({ status: 'aborted', stage: 1 });
});

it('waits until devices were heard of after the time of the gate', () => {
  const plan = planOf([{ percent: 100 }], { healthySeconds: 60 });
  const facts = fleet(2);
  const state = steps(plan, start, facts);
  set(facts, 0, 2, { status: 'applied', appliedAt: T0, heardAt: after(59) });
  expect(steps(plan, state, facts, after(300))).toBe(state);
  set(facts, 0, 2, { heardAt: after(60) });
  expect(steps(plan, state, facts, after(61))).toMatchObject({ status: 'completed' });
});

it('waits for proved data where the gate asks for it', () => {
  const plan = planOf([{ percent: 100 }], { currentPercent: 50 });
  const facts = fleet(3);
  const state = steps(plan, start, facts);
  set(facts, 0, 3, { status: 'applied' });
  set(facts, 0, 1, { isCurrent: true });
  expect(steps(plan, state, facts)).toBe(state);
  set(facts, 1, 2, { isCurrent: true });
  expect(steps(plan, state, facts)).toMatchObject({ status: 'completed' });
});

it('pauses at the deadline, with what is missing', () => {
  const plan = planOf([{ percent: 100 }]);
  const facts = fleet(20);
  set(facts, 0, 18, { status: 'applied' });
  const state = steps(plan, start, facts);
  expect(steps(plan, state, facts, after(599))).toBe(state);
  expect(steps(plan, state, facts, after(600))).toMatchObject({
    status: 'paused',
    reason: 'deadline',
    detail:
      'Stage 1 did not pass its gate in 600 s: 18 of 19 devices applied it, 18 of 19 devices have been healthy with it.',
  });
  set(facts, 18, 19, { status: 'applied' });
  expect(steps(plan, state, facts, after(600))).toMatchObject({ status: 'completed' });
});

it('reaches devices with a label, and waits where no device has it', () => {
  const plan = planOf([{ labels: ['site:SFO', 'site:JFK'] }, { percent: 100 }]);
  const facts = fleet(5);
  const state = steps(plan, start, facts);
  expect(steps(plan, state, facts)).toBe(state);
  expect(steps(plan, state, facts, after(600)).detail).toContain('there is no device in it');
  set(facts, 3, 4, { labels: { site: 'JFK' } });
  expect(reached(plan, state, facts)).toBe(1);
  set(facts, 3, 4, { status: 'applied' });
  expect(steps(plan, state, facts)).toMatchObject({ stage: 1 });
});

it('passes a stage whose devices earlier ones have reached', () => {
  const plan = planOf([{ count: 5 }, { labels: ['site:SFO'] }, { percent: 100 }]);
  const facts = fleet(5);
  set(facts, 0, 5, { labels: { site: 'SFO' }, status: 'applied' });
  let state = start;
  for (let step = 0; step < 6; step++) state = steps(plan, state, facts);
  expect(state.status).toBe('completed');
});

it('does nothing while it is paused or over', () => {
  const plan = planOf([{ percent: 100 }]);
  for (const status of ['paused', 'completed', 'aborted'] as const) {
    const state = { ...start, status };
    expect(steps(plan, state, fleet(1), after(9_999))).toBe(state);
  }
});

it('says when it will be complete, at the pace so far', () => {
  const plan = planOf([{ count: 10 }, { percent: 100 }], { appliedPercent: 100 });
  const facts = fleet(20);
  const state = steps(plan, start, facts);
  const estimate = (seconds: number): Date | undefined =>
    estimateEnd(plan, state, standingOf(ID, plan, state, facts).stages, [], after(seconds));
  expect(estimate(10)).toBeUndefined();
  set(facts, 0, 5, { status: 'applied' });
  // Half in 10 s: the other half takes 10 s more, and the next stage 20 s.
  expect(estimate(10)).toEqual(after(40));
});

it('refuses stages that do not end with everybody, or do not rise', () => {
  expect(problemOf([{ percent: 1 }, { percent: 100 }])).toBeUndefined();
  expect(problemOf([])).toContain('last stage');
  expect(problemOf([{ percent: 50 }])).toContain('last stage');
  expect(problemOf([{ percent: 100 }, { labels: ['a:b'] }])).toContain('last stage');
  expect(problemOf([{ percent: 50 }, { percent: 10 }, { percent: 100 }])).toContain('percents');
  expect(problemOf([{ count: 5 }, { count: 5 }, { percent: 100 }])).toContain('counts');
});
