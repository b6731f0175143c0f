export const syncPhases = [
  'requesting',
  'downloading',
  'applying',
  'verifying',
  'acknowledging',
  'scrubbing',
] as const;

/** How far a cycle or a scrub is. Totals are 0 until they are known. */
export interface SyncProgress {
  phase: (typeof syncPhases)[number];
  rowsDone: number;
  rowsTotal: number;
  bytesDone: number;
  bytesTotal: number;
}

/** The progress of a cycle or scrub that has not done anything yet. */
export function initialProgress(phase: SyncProgress['phase'] = 'requesting'): SyncProgress {
  return { phase, rowsDone: 0, rowsTotal: 0, bytesDone: 0, bytesTotal: 0 };
}
