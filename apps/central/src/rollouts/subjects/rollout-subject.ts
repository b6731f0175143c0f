import type { DeviceFact } from '../machine/rollout-state';

/** The change that a rollout brings to devices. */
export interface RolloutChange {
  /** The subject's name within its kind. */
  subject: string;
  version: number;
}

/** A kind of thing that goes out in stages. All but `announce` belong to the transaction that is open. */
export interface RolloutSubject {
  /** In the word that operators know. */
  readonly kind: string;
  /** The devices that the version is for. */
  facts(change: RolloutChange, wants: { proofs: boolean }): Promise<DeviceFact[]>;
  /** Other devices get the version now, or no device any more; where it is complete, every one. */
  reach(change: RolloutChange, isComplete: boolean): Promise<void>;
  /** After the commit. Never fails. */
  announce(change: RolloutChange): Promise<void>;
}
