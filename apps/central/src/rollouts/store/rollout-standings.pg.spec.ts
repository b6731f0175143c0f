import { OwnTables } from '@rivulet/platform';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { standingOf, type DeviceFact } from '../../../test/rollout-model';
import { hasBegun, isDeserted } from '../machine/advance';
import { defaultGate, type RolloutPlan } from '../machine/rollout-plan';
import type { RolloutState } from '../machine/rollout-state';
import { BUCKETS } from '../machine/stage-of';
import type { DeviceFacts } from '../subjects/rollout-subject';
import { RolloutStandings } from './rollout-standings';

const ID = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const T0 = new Date('2026-11-27T08:00:00Z');

let database: TestDatabase;
let standings: RolloutStandings;

beforeAll(async () => {
  database = await createTestDatabase();
  const query = async (text: string, values: unknown[]): Promise<object[]> =>
    (await database.pool.query<object>(text, values)).rows;
  standings = new RolloutStandings(new OwnTables({ query } as unknown as DataSource));
});
afterAll(() => database.drop());

/** As a subject would have them, of a table. The second parameter is none of the counts. */
function factsOf(facts: readonly DeviceFact[]): DeviceFacts {
  return {
    query: `SELECT "deviceId" AS device_id, labels, status, reason, "appliedAt" AS applied_at, "heardAt" AS heard_at,
        "isCurrent" AS is_current
      FROM json_to_recordset($1) AS _ ("deviceId" text, labels jsonb, status text, reason text,
        "appliedAt" timestamptz, "heardAt" timestamptz, "isCurrent" boolean) WHERE $2::boolean`,
    values: [JSON.stringify(facts), true],
  };
}

const time = fc.option(fc.integer({ min: 0, max: 120 }).map((s) => new Date(T0.getTime() + s * 1_000)));
const label = fc.constantFrom('site:SFO', 'site:JFK', 'line:', 'line:a:b');
const fleets = fc.uniqueArray(
  fc.record({
    deviceId: fc.stringMatching(/^[0-9A-Zé]{1,6}$/),
    labels: fc.dictionary(fc.constantFrom('site', 'line'), fc.constantFrom('SFO', 'JFK', '', 'a:b'), {
      noNullPrototype: true,
    }),
    status: fc.constantFrom('waiting', 'sent', 'applying', 'applied', 'failed'),
    reason: fc.option(fc.constantFrom('no', 'other')),
    appliedAt: time,
    heardAt: time,
    isCurrent: fc.boolean(),
  }),
  { maxLength: 30, selector: ({ deviceId }) => deviceId },
) as fc.Arbitrary<DeviceFact[]>;
const stages = fc.array(
  fc.record({
    members: fc.oneof(
      fc.record({ percent: fc.integer({ min: 1, max: 100 }) }),
      fc.record({ count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ labels: fc.array(label, { minLength: 1, maxLength: 2 }) }),
    ),
    healthySeconds: fc.constantFrom(0, 30, 60),
    bound: fc.oneof(fc.integer({ min: 0, max: BUCKETS }), fc.constant((BUCKETS / 100) * 33)),
  }),
  { minLength: 1, maxLength: 4 },
);

it('counts in the database what is counted device by device', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fleets, stages, fc.boolean(), fc.boolean(), async (facts, planned, isBegun, proofs) => {
      const gates = planned.map(({ members, healthySeconds }) => ({
        ...members,
        gate: { ...defaultGate, healthySeconds },
      }));
      const plan: RolloutPlan = { stages: gates, onFailure: 'abort' };
      const bounds = planned.map(({ bound }) => bound);
      const begun = isBegun ? bounds : bounds.slice(0, -1);
      const state = { stage: planned.length - 1, bounds: begun } as RolloutState;
      const counted = await standings.of({ rolloutId: ID, plan, state }, factsOf(facts), { proofs });

      const model = standingOf(ID, plan, state, facts);
      const modelled = proofs ? model.stages : model.stages.map((stage) => ({ ...stage, current: 0 }));
      const isRanked = !hasBegun(state) || isDeserted(plan, state, model);
      expect(counted.ranked).toBe(isRanked ? model.ranked : undefined);
      seen.add(
        `${isRanked ? 'ranked' : ''}${model.stages.some(({ healthy }) => healthy > 0) ? 'healthy' : ''}`,
      );
      if (!hasBegun(state)) return;
      expect(counted).toMatchObject({ devices: facts.length, members: model.members, stages: modelled });
    }),
    { numRuns: 100, seed: 1 },
  );
  expect([...seen].toSorted()).toEqual(['', 'healthy', 'ranked', 'rankedhealthy']);
});

it('tells the most frequent reasons of failures, ten of them', async () => {
  const failed = Array.from({ length: 40 }, (_, n) => ({
    deviceId: String(n),
    labels: {},
    status: n === 0 ? 'applied' : 'failed',
    reason: n < 5 ? 'PART_REFUSED: no' : n < 10 ? null : `reason ${n} ${'x'.repeat(400)}`,
  }));
  const told = await standings.failures(factsOf(failed as unknown as DeviceFact[]));
  expect(told).toHaveLength(10);
  expect(told.slice(0, 2)).toEqual([
    { reason: 'No reason was given.', devices: 5 },
    { reason: 'PART_REFUSED: no', devices: 4 },
  ]);
  expect(told.every(({ reason }) => reason.length <= 300)).toBe(true);
});
