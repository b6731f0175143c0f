import { atMostEntries } from '@rivulet/platform';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import {
  hasSqlState,
  isConflict,
  isDatabaseUnavailable,
  isInterruption,
  isPostgresError,
  sqlState,
} from '@rivulet/postgres';
import { LRUCache } from 'lru-cache';
import type { BoundDataset } from '../bound-dataset';
import { ReadFailure } from '../reading/read-failure';
import { SnapshotReader, type ReadOrder, type ReadOutcome } from '../reading/snapshot-reader';
import { serverBusy } from '../server-busy';
import { SnapshotLocks } from '../snapshot-locks';
import { SnapshotsEnv } from '../snapshots.env';
import { SnapshotsMetrics } from '../snapshots.metrics';
import { isGone } from '../store-loss';
import { ReadingPace } from './reading-pace';
import { ReadQueue, type Lane, type WaitingRead } from './read-queue';

/** Scopes that wait at once. */
const MAX_WAITING = 10_000;
/** Less than clients wait for an answer. */
const MAX_WAIT_MS = 25_000;
const SWEEP_MS = 500;

/** Bytes that several scopes of one transaction may have, as far as their sizes are known. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_LOCKS = 256;
/** The limit of a statement for several scopes. When it is exceeded, each scope gets the whole time for itself. */
const BATCH_STATEMENT_TIMEOUT_MS = 30_000;

/** A scope that has failed is read alone for a while, as it would fail all that are read with it. */
const SUSPECTS_KEPT = 10_000;
const SUSPECT_MS = 600_000;

export interface ReadRequest {
  /** Equal for equal scopes. */
  key: string;
  bound: BoundDataset[];
  /** Those of them that are to be read, probably. */
  stale: BoundDataset[];
  /** Their size when they were read last, as far as it is known. */
  staleBytes: number;
  acceptsUnsettled: boolean;
  isWanted: () => boolean;
}

/**
 * Reads scopes in the order in which they are asked for: many small ones in one transaction, large ones and those that have
 * failed each in its own. Neither kind keeps the other waiting for long.
 */
@Injectable()
export class ReadScheduler implements OnModuleDestroy {
  private readonly queue = new ReadQueue();
  private readonly pace = new ReadingPace();
  private readonly suspects = new LRUCache<string, true>({
    ...atMostEntries(SUSPECTS_KEPT),
    ttl: SUSPECT_MS,
  });
  private readonly running: Record<Lane, number> = { together: 0, alone: 0 };
  private lastLane: Lane = 'alone';
  private sweeping: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    private readonly env: SnapshotsEnv,
    private readonly locks: SnapshotLocks,
    private readonly reader: SnapshotReader,
    private readonly metrics: SnapshotsMetrics,
  ) {
    metrics.watchQueue((lane) => this.queue.sizeOf(lane));
  }

  /** Reads under way go on; waiting ones are left to another process, or to the next start. */
  onModuleDestroy(): void {
    this.isStopped = true;
    clearInterval(this.sweeping);
    for (const { reject } of this.queue.takeAll()) reject(shuttingDown());
  }

  /**
   * @throws RivuletError SERVER_BUSY when it would wait, or has waited, for too long, or another process reads the same for
   *   too long · SHUTTING_DOWN · what SnapshotReader.read throws for this scope
   */
  async read({
    key,
    bound,
    stale,
    staleBytes,
    acceptsUnsettled,
    isWanted,
  }: ReadRequest): Promise<ReadOutcome> {
    if (this.isStopped) throw shuttingDown();
    if (this.queue.size >= MAX_WAITING) throw this.refuse(`${this.queue.size} scopes wait to be read.`);
    const isAlone = staleBytes > BATCH_BYTES || acceptsUnsettled || this.suspects.has(key);
    return new Promise<ReadOutcome>((resolve, reject) => {
      this.queue.add(isAlone ? 'alone' : 'together', {
        order: { bound, acceptsUnsettled },
        key,
        cacheKeys: stale.map(({ cacheKey }) => cacheKey),
        expectedBytes: staleBytes,
        isWanted,
        isRetried: false,
        sinceMs: performance.now(),
        resolve,
        reject,
      });
      this.sweeping ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
      this.startMore();
    });
  }

  private startMore(): void {
    for (let lane = this.nextLane(); lane !== undefined; lane = this.nextLane()) {
      const cacheKeys = BATCH_LOCKS;
      const batch = this.queue.take(lane, { scopes: this.pace.batchScopes, bytes: BATCH_BYTES, cacheKeys });
      const wanted = batch.filter((read) => read.isWanted());
      for (const read of batch) if (!wanted.includes(read)) read.reject(serverBusy('Nobody waits any more.'));
      if (wanted.length === 0) continue;
      this.lastLane = lane;
      void this.run(lane, wanted);
    }
  }

  /** One of several transactions is always kept for scopes that are read together; a single one takes turns. */
  private nextLane(): Lane | undefined {
    const { maxSnapshotBuilds } = this.env;
    if (this.running.together + this.running.alone >= maxSnapshotBuilds) return undefined;
    const [together, alone] = [this.queue.waitingSince('together'), this.queue.waitingSince('alone')];
    const mayRunAlone = this.running.alone < Math.max(1, maxSnapshotBuilds - 1);
    if (alone === undefined || !mayRunAlone) return together === undefined ? undefined : 'together';
    if (together === undefined) return 'alone';
    if (maxSnapshotBuilds === 1) return this.lastLane === 'alone' ? 'together' : 'alone';
    return together <= alone ? 'together' : 'alone';
  }

  private async run(lane: Lane, batch: WaitingRead[]): Promise<void> {
    this.running[lane] += 1;
    this.metrics.buildsRunning.inc();
    const startMs = performance.now();
    for (const { sinceMs } of batch) this.metrics.waitSeconds.observe((startMs - sinceMs) / 1_000);
    try {
      await this.readUnderLocks(batch);
    } catch (error) {
      this.fail(lane, batch, error);
    } finally {
      this.metrics.buildSeconds.observe((performance.now() - startMs) / 1_000);
      this.metrics.buildsRunning.dec();
      this.running[lane] -= 1;
      this.startMore();
    }
  }

  private async readUnderLocks(batch: WaitingRead[]): Promise<void> {
    const keys = batch.map(({ cacheKeys }) => cacheKeys);
    await this.locks.whileBuilding(keys, async (isFree) => {
      const free = batch.filter((_, index) => isFree[index]);
      const orders = free.map(({ order }) => order);
      const outcomes = orders.length === 0 ? [] : await this.measured(orders);
      for (const [index, read] of free.entries()) {
        if (batch.length === 1) this.suspects.delete(read.key);
        read.resolve(outcomes[index]!);
      }
      // Another process reads them. Who is alone waits for it.
      for (const read of batch) if (!free.includes(read)) this.again('alone', read);
    });
  }

  private async measured(orders: ReadOrder[]): Promise<ReadOutcome[]> {
    const startMs = performance.now();
    const limitMs = this.env.sourceStatementTimeoutMs;
    const outcomes = await this.reader.read(
      orders,
      orders.length === 1 ? limitMs : Math.min(limitMs, BATCH_STATEMENT_TIMEOUT_MS),
    );
    const now = performance.now();
    this.pace.note(orders.length, now - startMs, now);
    this.metrics.batchScopes.observe(orders.length);
    return outcomes;
  }

  private fail(lane: Lane, batch: WaitingRead[], error: unknown): void {
    const thrown = error instanceof ReadFailure ? error.cause : error;
    const isAlone = batch.length === 1;
    for (const read of batch) {
      if (isLost(thrown) || (isInterrupted(thrown) && !isAlone)) {
        if (read.isRetried) read.reject(thrown);
        else this.again(lane, { ...read, isRetried: true });
      } else if (isAlone || isGone(thrown)) {
        if (error instanceof ReadFailure && !isConflictOf(thrown)) this.suspects.set(read.key, true);
        read.reject(named(thrown));
      } else if (error instanceof ReadFailure && isConflictOf(thrown)) {
        // Nobody gets past the lock on a table. Who does not need it does not wait for it.
        if (read.order.bound.some(({ dataset }) => dataset === error.dataset)) read.reject(thrown);
        else this.again(lane, read);
      } else this.again('alone', read);
    }
  }

  private again(lane: Lane, read: WaitingRead): void {
    if (this.isStopped) read.reject(shuttingDown());
    else this.queue.add(lane, { ...read, sinceMs: performance.now() });
  }

  private sweep(): void {
    for (const { reject } of this.queue.takeOlderThan(performance.now() - MAX_WAIT_MS)) {
      reject(this.refuse(`It could not be read within ${MAX_WAIT_MS / 1_000} s.`));
    }
    if (this.queue.size > 0) return;
    clearInterval(this.sweeping);
    this.sweeping = undefined;
  }

  private refuse(message: string): RivuletError {
    this.metrics.buildsRefused.inc();
    const seconds = this.pace.retryAfterSeconds(this.queue.size, performance.now());
    return serverBusy(`Central reads as many scopes as it can: ${message}`, seconds);
  }
}

function shuttingDown(): RivuletError {
  return new RivuletError('SHUTTING_DOWN', 'Central is stopping.');
}

function named(error: unknown): unknown {
  if (!hasSqlState(error, sqlState.lockNotAvailable)) return error;
  return serverBusy('Another central is reading the same data.');
}

function isConflictOf(error: unknown): boolean {
  return error instanceof RivuletError && isPostgresError(error.cause) && isConflict(error.cause);
}

function isLost(error: unknown): boolean {
  if (error instanceof RivuletError) return error.code === 'SOURCE_UNAVAILABLE';
  return isDatabaseUnavailable(error);
}

function isInterrupted(error: unknown): boolean {
  return isPostgresError(error) && isInterruption(error);
}
