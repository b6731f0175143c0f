import { createHash } from 'node:crypto';
import { hasLabel } from '../../devices/has-label';
import type { RolloutPlan, StageMembers } from './rollout-plan';

export const BUCKETS = 2 ** 48;

type Labels = Record<string, string>;

/** A number below {@link BUCKETS}, the same whenever it is asked for; another in each rollout, so that not always the same devices are first. */
export function bucketOf(rolloutId: string, deviceId: string): number {
  return createHash('sha256').update(rolloutId).update(deviceId).digest().readUIntBE(0, 6);
}

/** Whether it belongs to a stage with this bound, whatever the stages before. */
export function isMember(stage: StageMembers, bound: number, bucket: number, labels: Labels): boolean {
  return 'labels' in stage ? stage.labels.some((label) => hasLabel(labels, label)) : bucket < bound;
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

/**
 * The bound of a stage that begins: at least one device is reached, if there is any, as a gate that nobody shows is none.
 *
 * @param buckets - of all devices, rising
 * @param before - of the stage before
 */
export function boundOf(stage: StageMembers, buckets: readonly number[], before: number): number {
  if ('labels' in stage) return before;
  const first = (buckets[0] ?? -1) + 1;
  if ('percent' in stage) return Math.max(before, first, (BUCKETS / 100) * stage.percent);
  return Math.max(before, stage.count > buckets.length ? BUCKETS : buckets[stage.count - 1]! + 1);
}
