import { createHash } from 'node:crypto';
import { hasLabel } from '../../devices/has-label';
import type { RolloutPlan, StageMembers } from './rollout-plan';

export const BUCKETS = 2 ** 48;

type Labels = Record<string, string>;

/** A number below {@link BUCKETS}, the same whenever it is asked for; another in each rollout, so that not always the same devices are first. */
export function bucketOf(rolloutId: string, deviceId: string): number {
  return createHash('sha256').update(rolloutId).update(deviceId).digest().readUIntBE(0, 6);
}

/** The first stage that reaches the device, of those that have begun; undefined where none does. */
export function stageOf(
  { stages }: Pick<RolloutPlan, 'stages'>,
  bounds: readonly number[],
  bucket: number,
  labels: Labels,
): number | undefined {
  const stage = bounds.findIndex((bound, at) => isMember(stages[at]!, bound, bucket, labels));
  return stage === -1 ? undefined : stage;
}

/** Whether it belongs to a stage with this bound, whatever the stages before. */
function isMember(stage: StageMembers, bound: number, bucket: number, labels: Labels): boolean {
  return 'labels' in stage ? stage.labels.some((label) => hasLabel(labels, label)) : bucket < bound;
}

/** The place, by bucket from 1 on, of the device that the bound of a stage depends on. */
export function rankOf(stage: StageMembers): number {
  return 'count' in stage ? stage.count : 1;
}

/**
 * The bound of a stage that begins: at least one device is reached, if there is any, as a gate that nobody shows is none.
 *
 * @param ranked - the bucket of the device at {@link rankOf}; undefined where there are fewer devices
 * @param before - of the stage before
 */
export function boundOf(stage: StageMembers, ranked: number | undefined, before: number): number {
  if ('labels' in stage) return before;
  if ('percent' in stage) return Math.max(before, (ranked ?? -1) + 1, (BUCKETS / 100) * stage.percent);
  return Math.max(before, ranked === undefined ? BUCKETS : ranked + 1);
}
