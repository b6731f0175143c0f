/** The evidence that devices of a stage must show before the next one begins. Shares are percents of the devices of the stage. */
export interface RolloutGate {
  /** The share that has applied the version. */
  appliedPercent: number;
  /** The share that has run it for `healthySeconds` without a failure, and was heard of after that time. */
  healthyPercent: number;
  healthySeconds: number;
  /** The share whose last sync was proved. Zero: the gate does not look at it. */
  currentPercent: number;
  /** The share that may fail, from the beginning of the stage to the end of the rollout. */
  failedPercent: number;
  /** After this time without passing, the rollout is paused. */
  deadlineSeconds: number;
}

/** Which devices a stage adds to those of the stages before it. */
export type StageMembers =
  | { percent: number }
  /** So many in all, with those of the stages before. */
  | { count: number }
  /** Those with any of these, as `name:value`. */
  | { labels: string[] };

export type RolloutStage = StageMembers & { gate: RolloutGate };

export interface RolloutPlan {
  /** The last one is for all devices. */
  stages: RolloutStage[];
  /** The action when more devices fail than may. */
  onFailure: 'abort' | 'pause';
}

export const defaultGate: RolloutGate = {
  appliedPercent: 95,
  healthyPercent: 95,
  healthySeconds: 60,
  currentPercent: 0,
  failedPercent: 0,
  deadlineSeconds: 86_400,
};

export const defaultStages: StageMembers[] = [
  { percent: 1 },
  { percent: 10 },
  { percent: 50 },
  { percent: 100 },
];

/** @returns why the stages make no plan; undefined where they do */
export function problemOf(stages: StageMembers[]): string | undefined {
  const last = stages.at(-1);
  if (last === undefined || !('percent' in last) || last.percent !== 100)
    return 'the last stage must be for 100 percent: what is complete is given to every device';
  const percents = stages.flatMap((stage) => ('percent' in stage ? [stage.percent] : []));
  const counts = stages.flatMap((stage) => ('count' in stage ? [stage.count] : []));
  if (!isRising(percents)) return 'percents must rise from stage to stage';
  if (!isRising(counts)) return 'counts must rise from stage to stage';
  return undefined;
}

function isRising(numbers: number[]): boolean {
  return numbers.every((number, at) => at === 0 || number > numbers[at - 1]!);
}
