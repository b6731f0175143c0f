import type { RolloutPlan } from '../src/rollouts/machine/rollout-plan';
import type { RolloutState } from '../src/rollouts/machine/rollout-state';
import type { StageCounts, Standing } from '../src/rollouts/machine/stage-counts';
import { bucketOf, rankOf, stageOf } from '../src/rollouts/machine/stage-of';

/** A row of a subject's query. */
export interface DeviceFact {
  deviceId: string;
  labels: Record<string, string>;
  status: 'waiting' | 'sent' | 'applying' | 'applied' | 'failed';
  reason: string | null;
  appliedAt: Date | null;
  heardAt: Date | null;
  isCurrent: boolean;
}

/** The counts that RolloutStandings makes in the database, made device by device. */
export function standingOf(
  rolloutId: string,
  plan: RolloutPlan,
  { stage, bounds }: Pick<RolloutState, 'stage' | 'bounds'>,
  facts: readonly DeviceFact[],
): Standing {
  const stages = bounds.map(() => noCounts());
  const own = { stages: plan.stages.slice(stage, stage + 1) };
  const ownBounds = bounds.slice(stage, stage + 1);
  let members = 0;
  for (const fact of facts) {
    const bucket = bucketOf(rolloutId, fact.deviceId);
    if (stageOf(own, ownBounds, bucket, fact.labels) !== undefined) members++;
    const at = stageOf(plan, bounds, bucket, fact.labels);
    if (at === undefined) continue;
    const counts = stages[at]!;
    counts.devices++;
    counts[fact.status]++;
    if (isHealthy(fact, plan.stages[at]!.gate.healthySeconds)) counts.healthy++;
    if (fact.isCurrent) counts.current++;
  }
  const buckets = facts.map(({ deviceId }) => bucketOf(rolloutId, deviceId));
  const ranked = buckets.toSorted((one, other) => one - other)[rankOf(plan.stages[stage]!) - 1];
  return { devices: facts.length, stages, members, ranked };
}

/** One that fell silent after it had applied a version does not show that the version is good. */
function isHealthy({ status, appliedAt, heardAt }: DeviceFact, healthySeconds: number): boolean {
  if (status !== 'applied') return false;
  if (healthySeconds === 0) return true;
  return (heardAt?.getTime() ?? 0) >= (appliedAt?.getTime() ?? Infinity) + healthySeconds * 1_000;
}

function noCounts(): StageCounts {
  return { devices: 0, waiting: 0, sent: 0, applying: 0, applied: 0, failed: 0, healthy: 0, current: 0 };
}
