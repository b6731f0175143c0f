/** The task of a process that simulates devices. */
export interface FleetOrder {
  centralUrl: string;
  /** Devices at once. */
  connections: number;
  /** How often each device syncs. Ignored with `everyMs`. */
  rounds: number;
  /** Each device syncs at this interval, for `forMs`. */
  everyMs?: number;
  forMs?: number;
}

export interface FleetResult {
  /** Milliseconds from the request of a device to the answer that it can use, retries included. */
  latencies: number[];
  /** Answers that told the device to retry. */
  refused: number;
  /** Manifests that were issued. */
  updates: number;
}

export type ToFleet = { type: 'open'; order: FleetOrder } | { type: 'go' };
export type FromFleet =
  { type: 'open' } | { type: 'done'; result: FleetResult } | { type: 'failed'; reason: string };
