import { Injectable } from '@nestjs/common';
import { OwnTables } from '@rivulet/platform';
import { labelJson } from '../../devices/has-label';
import { hasBegun, isDeserted } from '../machine/advance';
import { rankOf } from '../machine/stage-of';
import type { StageCounts, Standing } from '../machine/stage-counts';
import type { DeviceFacts } from '../subjects/rollout-subject';
import type { RolloutOutcome, StoredRollout } from './stored-rollout';

type StandingOf = Pick<StoredRollout, 'rolloutId' | 'plan' | 'state'>;
type Counted = StageCounts & { stage: number | null; members: number };

const NOBODY = {
  devices: 0,
  waiting: 0,
  sent: 0,
  applying: 0,
  applied: 0,
  failed: 0,
  healthy: 0,
  current: 0,
};

/** Counts the devices of rollouts where they are: in the database, so that a fleet of any size is a few numbers here. */
@Injectable()
export class RolloutStandings {
  constructor(private readonly tables: OwnTables) {}

  /** @param proofs - whether it counts whose last sync was proved, which costs a look-up for each device */
  async of(rollout: StandingOf, facts: DeviceFacts, { proofs }: { proofs: boolean }): Promise<Standing> {
    const { plan, state } = rollout;
    const counted = hasBegun(state) ? await this.count(rollout, facts, proofs) : [];
    const sum = (field: 'devices' | 'members'): number =>
      counted.reduce((total, group) => total + group[field], 0);
    const own = state.bounds.map((_, at) => counted.find(({ stage }) => stage === at));
    const standing = { devices: sum('devices'), members: sum('members'), stages: own.map(countsOf) };
    const isRanked = !hasBegun(state) || isDeserted(plan, state, standing);
    return { ...standing, ranked: isRanked ? await this.ranked(rollout, facts) : undefined };
  }

  /** The most frequent first. */
  async failures({ query, values }: DeviceFacts): Promise<RolloutOutcome['failures']> {
    return this.tables.rows(`WITH fact AS (${query}) ${countReasons}`, [...values]);
  }

  private async count(
    { rolloutId, plan, state }: StandingOf,
    facts: DeviceFacts,
    proofs: boolean,
  ): Promise<Counted[]> {
    const values: unknown[] = [...facts.values];
    const add = (value: unknown): string => `$${values.push(value)}`;
    const id = add(rolloutId);
    const members = state.bounds.map((bound, at) => {
      const stage = plan.stages[at]!;
      if (!('labels' in stage)) return `bucket < ${add(bound)}::float8`;
      return `labels @> ANY (${add(stage.labels.map(labelJson))}::jsonb[])`;
    });
    const healthySeconds = add(plan.stages.map(({ gate }) => gate.healthySeconds));
    const text = countStages({
      placed: placedFacts(facts.query, id),
      stage: `CASE ${members.map((isMember, at) => `WHEN ${isMember} THEN ${at}`).join(' ')} END`,
      isMember: members[state.stage]!,
      healthySeconds: `(${healthySeconds}::float8[])[stage + 1]`,
      current: proofs ? 'count(*) FILTER (WHERE is_current)' : '0',
    });
    return this.tables.rows(text, values);
  }

  private async ranked(
    { rolloutId, plan, state }: StandingOf,
    facts: DeviceFacts,
  ): Promise<number | undefined> {
    const { length } = facts.values;
    const [found] = await this.tables.rows<{ bucket: number }>(
      `SELECT bucket::float8 AS bucket FROM (${placedFacts(facts.query, `$${length + 1}`)}) AS placed
       ORDER BY placed.bucket OFFSET $${length + 2} LIMIT 1`,
      [...facts.values, rolloutId, rankOf(plan.stages[state.stage]!) - 1],
    );
    return found?.bucket;
  }
}

function countsOf(counted: Counted | undefined): StageCounts {
  if (counted === undefined) return NOBODY;
  const { stage: _stage, members: _members, ...counts } = counted;
  return counts;
}

/** The bucket is that of bucketOf(). OFFSET 0 has it computed once for each device, however often it is compared. */
function placedFacts(query: string, rolloutId: string): string {
  const digest = `sha256(convert_to(${rolloutId}::text || device_id, 'UTF8'))`;
  return `SELECT fact.*, ('x' || left(encode(${digest}, 'hex'), 12))::bit(48)::bigint AS bucket FROM (${query}) AS fact OFFSET 0`;
}

function countOf(status: string): string {
  return `count(*) FILTER (WHERE status = '${status}')::integer AS ${status}`;
}

interface StageExpressions {
  placed: string;
  stage: string;
  isMember: string;
  healthySeconds: string;
  current: string;
}

function countStages({ placed, stage, isMember, healthySeconds, current }: StageExpressions): string {
  return `
SELECT stage, count(*)::integer AS devices, count(*) FILTER (WHERE is_member)::integer AS members,
  ${['waiting', 'sent', 'applying', 'applied', 'failed'].map(countOf).join(', ')},
  count(*) FILTER (WHERE status = 'applied'
    AND (${healthySeconds} = 0 OR heard_at >= applied_at + ${healthySeconds} * interval '1 second'))::integer AS healthy,
  (${current})::integer AS current
FROM (SELECT *, ${stage} AS stage, ${isMember} AS is_member FROM (${placed}) AS placed) AS staged
GROUP BY stage`;
}

const countReasons = `
SELECT left(coalesce(reason, 'No reason was given.'), 300) AS reason, count(*)::integer AS devices
FROM fact WHERE status = 'failed' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10`;
