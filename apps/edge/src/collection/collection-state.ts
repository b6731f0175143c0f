export interface CollectionState {
  /** Runs whose rows central has not got yet. */
  waitingRuns: number;
  /** Jobs whose times this device sees to while central is away. */
  scheduledJobs: number;
  /** Since the start. */
  droppedRuns: number;
  /** Since the last drop; Infinity before the first. */
  droppedAgoMs: number;
}
