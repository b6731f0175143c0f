/** The task of a process with connected devices. */
export interface LiveOrder {
  centralUrl: string;
  /** Number within the fleet of its first device. */
  first: number;
  count: number;
  /** Whether they sync when they are nudged. Otherwise they are there, and say so every 30 seconds. */
  isSyncing: boolean;
}

/** A device has proved a new manifest, by the clock of the machine. */
export interface LiveProof {
  device: number;
  provedAtMs: number;
}

export type ToLive = { type: 'open'; order: LiveOrder } | { type: 'take' };
export type FromLive =
  { type: 'open' } | { type: 'proofs'; proofs: LiveProof[] } | { type: 'failed'; reason: string };
