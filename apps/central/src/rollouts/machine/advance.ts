import { countStages, type StageCounts } from './count-stages';
import type { RolloutGate, RolloutPlan } from './rollout-plan';
import type { DeviceFact, RolloutState } from './rollout-state';
import { boundOf, bucketOf } from './stage-of';

/**
 * The next state of a rollout, one step at most; the same object where nothing changes. Failures count in all stages that
 * have begun, as long as the rollout runs.
 */
export function advance(
  rolloutId: string,
  plan: RolloutPlan,
  state: RolloutState,
  facts: readonly DeviceFact[],
  now: Date,
): RolloutState {
  if (state.status !== 'running') return state;
  if (state.bounds.length <= state.stage) return begin(rolloutId, plan, state, facts, now);
  const counts = countStages(rolloutId, plan, state, facts);
  const failed = counts.findIndex((stage, at) => failsTooOften(stage, plan.stages[at]!.gate));
  if (failed !== -1) return stopForFailures(plan, state, failed, counts[failed]!, now);

  const { gate } = plan.stages[state.stage]!;
  const own = counts[state.stage]!;
  if (own.members === 0 && facts.length > 0 && !('labels' in plan.stages[state.stage]!))
    return rebegin(rolloutId, plan, state, facts);
  if (passes(own, gate)) return next(plan, state, now);
  if (now.getTime() - state.since.getTime() < gate.deadlineSeconds * 1_000) return state;
  const detail = `Stage ${state.stage + 1} did not pass its gate in ${gate.deadlineSeconds} s: ${missing(own, gate)}.`;
  return { ...state, status: 'paused', reason: 'deadline', detail, since: now };
}

/** A gate is shown by devices: one that nobody shows does not pass. */
function passes(counts: StageCounts, gate: RolloutGate): boolean {
  if (counts.members === 0) return false;
  return (
    counts.applied >= shareOf(gate.appliedPercent, counts.devices) &&
    counts.healthy >= shareOf(gate.healthyPercent, counts.devices) &&
    counts.current >= shareOf(gate.currentPercent, counts.devices)
  );
}

/** The stage is taken for passed, by somebody who knows better. */
export function next(plan: RolloutPlan, state: RolloutState, now: Date): RolloutState {
  const going = {
    ...state,
    status: 'running',
    reason: null,
    detail: null,
    since: now,
    beganAt: now,
  } as const;
  if (state.stage + 1 === plan.stages.length)
    return { ...going, beganAt: state.beganAt, status: 'completed' };
  return { ...going, stage: state.stage + 1 };
}

function begin(
  rolloutId: string,
  plan: RolloutPlan,
  state: RolloutState,
  facts: readonly DeviceFact[],
  now: Date,
): RolloutState {
  const bound = boundOf(plan.stages[state.stage]!, bucketsOf(rolloutId, facts), state.bounds.at(-1) ?? 0);
  return { ...state, bounds: [...state.bounds, bound], since: now, beganAt: now };
}

/** All devices of the stage have gone: others take their place. */
function rebegin(
  rolloutId: string,
  plan: RolloutPlan,
  state: RolloutState,
  facts: readonly DeviceFact[],
): RolloutState {
  const before = state.bounds[state.stage]!;
  const bound = boundOf(plan.stages[state.stage]!, bucketsOf(rolloutId, facts), before);
  return { ...state, bounds: [...state.bounds.slice(0, -1), bound] };
}

function stopForFailures(
  { onFailure }: RolloutPlan,
  state: RolloutState,
  stage: number,
  { failed, devices }: StageCounts,
  now: Date,
): RolloutState {
  const detail = `${failed} of ${devices} devices of stage ${stage + 1} have failed.`;
  const status = onFailure === 'abort' ? 'aborted' : 'paused';
  return { ...state, status, reason: 'failures', detail, since: now };
}

function failsTooOften({ failed, devices }: StageCounts, { failedPercent }: RolloutGate): boolean {
  return failed > Math.floor((failedPercent * devices) / 100 + 1e-9);
}

function missing({ members, devices, applied, healthy, current }: StageCounts, gate: RolloutGate): string {
  if (members === 0) return 'there is no device in it';
  const wanted = [
    ['applied it', applied, gate.appliedPercent],
    ['have been healthy with it', healthy, gate.healthyPercent],
    ['have current data', current, gate.currentPercent],
  ] as const;
  return wanted
    .filter(([, count, percent]) => count < shareOf(percent, devices))
    .map(([what, count, percent]) => `${count} of ${shareOf(percent, devices)} devices ${what}`)
    .join(', ');
}

function shareOf(percent: number, devices: number): number {
  return Math.ceil((percent * devices) / 100 - 1e-9);
}

function bucketsOf(rolloutId: string, facts: readonly DeviceFact[]): number[] {
  return facts.map(({ deviceId }) => bucketOf(rolloutId, deviceId)).toSorted((one, other) => one - other);
}
