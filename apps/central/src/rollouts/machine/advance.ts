import type { RolloutGate, RolloutPlan } from './rollout-plan';
import type { RolloutState } from './rollout-state';
import type { StageCounts, Standing } from './stage-counts';
import { boundOf } from './stage-of';

/**
 * The next state of a rollout, one step at most; the same object where nothing changes. Failures count in all stages that
 * have begun, as long as the rollout runs.
 */
export function advance(plan: RolloutPlan, state: RolloutState, standing: Standing, now: Date): RolloutState {
  if (state.status !== 'running') return state;
  if (!hasBegun(state)) return begin(plan, state, standing, now);
  const { stages, members } = standing;
  const failed = stages.findIndex((stage, at) => failsTooOften(stage, plan.stages[at]!.gate));
  if (failed !== -1) return stopForFailures(plan, state, failed, stages[failed]!, now);

  const { gate } = plan.stages[state.stage]!;
  if (isDeserted(plan, state, standing)) return rebegin(plan, state, standing);
  const own = stages[state.stage]!;
  if (members > 0 && passes(own, gate)) return next(plan, state, now);
  if (now.getTime() - state.since.getTime() < gate.deadlineSeconds * 1_000) return state;
  const detail = `Stage ${state.stage + 1} did not pass its gate in ${gate.deadlineSeconds} s: ${missing(own, members, gate)}.`;
  return { ...state, status: 'paused', reason: 'deadline', detail, since: now };
}

export function hasBegun({ bounds, stage }: Pick<RolloutState, 'bounds' | 'stage'>): boolean {
  return bounds.length > stage;
}

/** All devices of the stage have gone, and there are others. Devices with a label cannot be replaced. */
export function isDeserted(
  plan: RolloutPlan,
  state: RolloutState,
  { members, devices }: Pick<Standing, 'members' | 'devices'>,
): boolean {
  return members === 0 && devices > 0 && !('labels' in plan.stages[state.stage]!);
}

/** A gate is shown by devices: one that nobody shows does not pass. */
function passes(counts: StageCounts, gate: RolloutGate): boolean {
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

function begin(plan: RolloutPlan, state: RolloutState, { ranked }: Standing, now: Date): RolloutState {
  const bound = boundOf(plan.stages[state.stage]!, ranked, state.bounds.at(-1) ?? 0);
  return { ...state, bounds: [...state.bounds, bound], since: now, beganAt: now };
}

function rebegin(plan: RolloutPlan, state: RolloutState, { ranked }: Standing): RolloutState {
  const bound = boundOf(plan.stages[state.stage]!, ranked, state.bounds[state.stage]!);
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

function missing(counts: StageCounts, members: number, gate: RolloutGate): string {
  if (members === 0) return 'there is no device in it';
  const { devices, applied, healthy, current } = counts;
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
