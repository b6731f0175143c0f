import type { StageCounts } from '../machine/stage-counts';
import type { RolloutPlan } from '../machine/rollout-plan';
import type { RolloutState } from '../machine/rollout-state';
import type { RolloutChange } from '../subjects/rollout-subject';

/** An event of a rollout. */
export interface RolloutEvent {
  at: string;
  what: 'created' | 'began' | 'passed' | 'paused' | 'resumed' | 'completed' | 'aborted';
  stage: number;
  /** An operator's name; null where central did it. */
  by: string | null;
  detail: string | null;
}

/** How the devices were when it ended. */
export interface RolloutOutcome {
  stages: StageCounts[];
  failures: { reason: string; devices: number }[];
}

export interface StoredRollout extends RolloutChange {
  rolloutId: string;
  kind: string;
  previousVersion: number | null;
  comment: string | null;
  plan: RolloutPlan;
  state: RolloutState;
  events: RolloutEvent[];
  outcome: RolloutOutcome | null;
  createdBy: string;
  createdAt: Date;
  finishedAt: Date | null;
}
