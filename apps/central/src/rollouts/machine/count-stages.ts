import type { RolloutGate, RolloutPlan } from './rollout-plan';
import type { DeviceFact, RolloutState } from './rollout-state';
import { bucketOf, isMember, stageOf } from './stage-of';

/** How the devices of a stage are. */
export interface StageCounts {
  /** That no earlier stage has reached. */
  devices: number;
  waiting: number;
  sent: number;
  applying: number;
  applied: number;
  failed: number;
  /** Number of devices that have applied it, and run it for the time of the gate. */
  healthy: number;
  current: number;
  /** With those that an earlier stage has reached. */
  members: number;
}

/** Counts the stages that have begun. */
export function countStages(
  rolloutId: string,
  plan: RolloutPlan,
  { bounds }: Pick<RolloutState, 'bounds'>,
  facts: readonly DeviceFact[],
): StageCounts[] {
  const counts = bounds.map(() => emptyCounts());
  for (const fact of facts) {
    const bucket = bucketOf(rolloutId, fact.deviceId);
    for (const [at, bound] of bounds.entries())
      if (isMember(plan.stages[at]!, bound, bucket, fact.labels)) counts[at]!.members++;
    const stage = stageOf(plan, bounds, bucket, fact.labels);
    if (stage === undefined) continue;
    const own = counts[stage]!;
    own.devices++;
    own[fact.status]++;
    if (isHealthy(fact, plan.stages[stage]!.gate)) own.healthy++;
    if (fact.isCurrent) own.current++;
  }
  return counts;
}

/** One that fell silent after it had applied a version does not show that the version is good. */
function isHealthy({ status, appliedAt, heardAt }: DeviceFact, { healthySeconds }: RolloutGate): boolean {
  if (status !== 'applied') return false;
  if (healthySeconds === 0) return true;
  if (appliedAt === null || heardAt === null) return false;
  return heardAt.getTime() >= appliedAt.getTime() + healthySeconds * 1_000;
}

function emptyCounts(): StageCounts {
  return {
    devices: 0,
    waiting: 0,
    sent: 0,
    applying: 0,
    applied: 0,
    failed: 0,
    healthy: 0,
    current: 0,
    members: 0,
  };
}

const REASONS_SHOWN = 10;
const REASON_SHOWN_CHARACTERS = 300;

/** The most frequent first. */
export function countFailures(facts: readonly DeviceFact[]): { reason: string; devices: number }[] {
  const byReason = new Map<string, number>();
  for (const { status, reason } of facts) {
    if (status !== 'failed') continue;
    const told = (reason ?? 'No reason was given.').slice(0, REASON_SHOWN_CHARACTERS);
    byReason.set(told, (byReason.get(told) ?? 0) + 1);
  }
  return [...byReason]
    .map(([reason, devices]) => ({ reason, devices }))
    .toSorted((one, other) => other.devices - one.devices)
    .slice(0, REASONS_SHOWN);
}
