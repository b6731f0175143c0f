/** How the devices of a stage are. */
export interface StageCounts {
  /** Devices that no earlier stage has reached. */
  devices: number;
  waiting: number;
  sent: number;
  applying: number;
  applied: number;
  failed: number;
  /** Those of the applied ones that have run it for the time of the gate. */
  healthy: number;
  current: number;
}

/** Where the devices stand that a version is for. */
export interface Standing {
  /** All of them, reached or not. */
  devices: number;
  /** Only stages that have begun. */
  stages: StageCounts[];
  /** Devices of the stage that is going on, with those that an earlier one has reached. */
  members: number;
  /** The bucket of the device at the rank that a stage asks for that begins now; undefined where there are fewer devices. */
  ranked: number | undefined;
}
