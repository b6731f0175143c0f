import type { RolloutPlan } from './rollout-plan';
import type { RolloutState } from './rollout-state';
import type { StageCounts } from './stage-counts';

/**
 * When a rollout will be complete if it goes on as so far: the stage that is going on at the pace of its devices, each one after it as long as the
 * longest so far. Undefined where nothing can be said.
 */
export function estimateEnd(
  plan: RolloutPlan,
  state: RolloutState,
  counts: readonly StageCounts[],
  passedMs: readonly number[],
  now: Date,
): Date | undefined {
  const own = counts[state.stage];
  if (state.status !== 'running' || own === undefined) return undefined;
  const { gate } = plan.stages[state.stage]!;
  const elapsedMs = Math.max(0, now.getTime() - state.beganAt.getTime());
  const wanted = Math.ceil((gate.appliedPercent * own.devices) / 100);
  if (own.applied === 0 && wanted > 0) return undefined;
  const applyMs = own.applied >= wanted ? elapsedMs : (elapsedMs * wanted) / own.applied;
  const healthyMs = gate.healthyPercent === 0 ? 0 : gate.healthySeconds * 1_000;
  const stageMs = applyMs + (own.applied >= wanted ? Math.max(0, healthyMs - elapsedMs) : healthyMs);
  const longestMs = Math.max(stageMs, ...passedMs);
  const left = plan.stages.length - state.stage - 1;
  return new Date(now.getTime() + Math.max(0, stageMs - elapsedMs) + left * longestMs);
}
