/** The change that a rollout brings to devices. */
export interface RolloutChange {
  /** The subject's name within its kind. */
  subject: string;
  version: number;
}

/**
 * A query for one row about each device that the version is for: `device_id`, `labels` (jsonb), and
 *
 * - `status`: of the version, `waiting` (not sent yet), `sent`, or what the device has reported of it last: `applying`,
 *   `applied`, `failed`; with `reason` and `applied_at`
 * - `heard_at`: when the device was heard of last
 * - `is_current`: whether its last sync was proved. It is asked for where it counts alone.
 */
export interface DeviceFacts {
  query: string;
  /** The values of its parameters, `$1` and so on. */
  values: readonly unknown[];
}

/** A kind of thing that goes out in stages. All but `announce` belong to the transaction that is open. */
export interface RolloutSubject {
  /** In the word that operators know. */
  readonly kind: string;
  facts(change: RolloutChange): Promise<DeviceFacts>;
  /** Other devices get the version now, or no device any more; where it is complete, every one. */
  reach(change: RolloutChange, isComplete: boolean): Promise<void>;
  /** After the commit. Never fails. */
  announce(change: RolloutChange): Promise<void>;
}
