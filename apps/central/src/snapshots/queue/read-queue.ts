import type { ReadOrder, ReadOutcome } from '../reading/snapshot-reader';

/** Scopes that are read together, and those that are read each in a transaction of its own. */
export type Lane = 'together' | 'alone';

/** A scope that waits to be read. */
export interface WaitingRead {
  order: ReadOrder;
  /** Equal for equal scopes. */
  key: string;
  /** Cache keys of the snapshots that the read may make. */
  cacheKeys: string[];
  /** The size at the last read; 0 where that is not known. */
  expectedBytes: number;
  /** Whether somebody still waits for it. */
  isWanted: () => boolean;
  /** Whether it has been begun and a connection was lost. */
  isRetried: boolean;
  /** By the monotonic clock. */
  sinceMs: number;
  resolve: (outcome: ReadOutcome) => void;
  reject: (error: unknown) => void;
}

export interface BatchLimits {
  scopes: number;
  bytes: number;
  /** The number of locks to take; all sessions of PostgreSQL share the room for locks. */
  cacheKeys: number;
}

/** Scopes that wait, in each lane in the order in which they came. */
export class ReadQueue {
  private readonly lanes: Record<Lane, WaitingRead[]> = { together: [], alone: [] };

  get size(): number {
    return this.lanes.together.length + this.lanes.alone.length;
  }

  sizeOf(lane: Lane): number {
    return this.lanes[lane].length;
  }

  add(lane: Lane, read: WaitingRead): void {
    this.lanes[lane].push(read);
  }

  /** Since when the first one waits. */
  waitingSince(lane: Lane): number | undefined {
    return this.lanes[lane][0]?.sinceMs;
  }

  /** The next one alone, or as many of the next ones together as fit. Nobody is passed over. */
  take(lane: Lane, limits: BatchLimits): WaitingRead[] {
    const waiting = this.lanes[lane];
    if (lane === 'alone') return waiting.splice(0, 1);
    let count = 0;
    let bytes = 0;
    const cacheKeys = new Set<string>();
    for (const read of waiting.slice(0, limits.scopes)) {
      bytes += read.expectedBytes;
      for (const key of read.cacheKeys) cacheKeys.add(key);
      if (count > 0 && (bytes > limits.bytes || cacheKeys.size > limits.cacheKeys)) break;
      count += 1;
    }
    return waiting.splice(0, count);
  }

  /** Takes out those that came before a time. */
  takeOlderThan(sinceMs: number): WaitingRead[] {
    return this.takeWhere((read) => read.sinceMs < sinceMs);
  }

  takeAll(): WaitingRead[] {
    return this.takeWhere(() => true);
  }

  private takeWhere(matches: (read: WaitingRead) => boolean): WaitingRead[] {
    return Object.values(this.lanes).flatMap((lane) => {
      const taken = lane.filter(matches);
      if (taken.length > 0) lane.splice(0, lane.length, ...lane.filter((read) => !matches(read)));
      return taken;
    });
  }
}
