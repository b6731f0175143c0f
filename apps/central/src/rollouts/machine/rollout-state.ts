export const rolloutStatuses = ['running', 'paused', 'completed', 'aborted'] as const;
export type RolloutStatus = (typeof rolloutStatuses)[number];

/** Why a rollout stands where it does. */
export const rolloutReasons = ['failures', 'deadline', 'operator'] as const;
export type RolloutReason = (typeof rolloutReasons)[number];

/** Where a rollout is. All of it is one row of the database. */
export interface RolloutState {
  status: RolloutStatus;
  /** The stage that is going on, or where it ended; from 0. */
  stage: number;
  /**
   * For each stage that has begun, the bound of its share: devices whose bucket is lower are reached. They never fall, so
   * that a device that was reached stays so.
   */
  bounds: number[];
  /** From when the deadline of the stage counts: since it began, or the rollout went on after a pause. */
  since: Date;
  /** When the stage began. */
  beganAt: Date;
  reason: RolloutReason | null;
  /** In words. */
  detail: string | null;
}
