/** What a process with connected devices is to do. */
export interface LiveOrder {
  centralUrl: string;
  /** Of the fleet, from this number on. */
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
