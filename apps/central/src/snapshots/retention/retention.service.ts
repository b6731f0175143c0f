import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { namedError } from '@rivulet/platform';
import { hasSqlState, inTransaction, ownTables, sqlState } from '@rivulet/postgres';
import type { ClientBase, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { lockForCollection } from '../snapshot-locks';
import { SnapshotsEnv } from '../snapshots.env';
import { SnapshotsMetrics } from '../snapshots.metrics';
import { deleteOrphanedChunks, deleteUnusedCacheEntries } from './collection-queries';
import { deleteOldManifests, deleteOldRequests } from './history-queries';
import { add, nothing, removeUnused, type Removed } from './remove-contents';
import { StoreLimit } from './store-limit';
import { measureStore, type StoreSize } from './store-size';

const EVERY_MS = 15_000;

/** A step that reads all of a table runs once in this many collections: every ten minutes. */
const RUNS_TO_SWEEP = 40;

/** After so many runs in which nothing was entered, nothing is superseded any more either. */
const IDLE_RUNS = 8;

/** Part of the rows that have to go before their room is made available again. */
const VACUUM_FROM = 0.05;
const VACUUM_FROM_ROWS = 200;

/** Entries of the cache that nobody has asked for since. */
const UNUSED_CACHE_MS = 7 * 86_400_000;

/** Chunks of a build are named nowhere until it ends. */
const BUILD_MARGIN_MS = 3_600_000;

/** While this waits for others, new ones wait behind it, so it does not wait for long. */
const LOCK_TIMEOUT_MS = 2_000;

/** Batches of one run. */
const MAX_BATCHES = 200;

/** Rows that a collection removed. */
export interface Collected extends Omit<Removed, 'bytes'> {
  requests: number;
  manifests: number;
}

/** Removes what no device has or will be sent: the store grows with what devices have, not with the number of changes. */
@Injectable()
export class RetentionService implements OnModuleInit {
  private readonly logger = new Logger('Retention');
  private running: Promise<void> | undefined;
  private runs = 0;
  private idleRuns = 0;
  private lastEntered = '';
  /** Since the last vacuum. */
  private rowsRemoved = 0;
  /** The last measurement. */
  size: StoreSize | undefined;

  constructor(
    private readonly env: SnapshotsEnv,
    private readonly database: DataSource,
    private readonly limit: StoreLimit,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  async onModuleInit(): Promise<void> {
    this.metrics.storeMaxBytes.set(this.env.storeMaxBytes);
    await this.measure().catch(() => undefined);
  }

  /** A database that is away is no reason to worry: there is a next time. */
  @Interval('collect', EVERY_MS)
  async collectInBackground(): Promise<void> {
    this.running ??= this.collectAndTell().finally(() => (this.running = undefined));
    return this.running;
  }

  /** Removes what is not needed, in short transactions. */
  async collect(): Promise<Collected> {
    let removed = nothing;
    for (let batch = 1; batch <= MAX_BATCHES; batch++) {
      const more = await this.whileNothingIsEntered((client) =>
        removeUnused(client, this.env.payloadRetentionMs),
      );
      if (more === undefined || more.snapshots + more.patches === 0) break;
      removed = add(removed, more);
    }
    const { snapshots, patches, chunks } = removed;
    return { snapshots, patches, chunks, requests: 0, manifests: 0 };
  }

  /** The steps of {@link collect}, and those that read all of a table. */
  async sweep(): Promise<Collected> {
    const { auditRetentionMs, sourceStatementTimeoutMs } = this.env;
    const remove = async (statement: string, milliseconds: number): Promise<number> =>
      (await this.whileNothingIsEntered(async (client) => {
        return (await client.query(statement, [milliseconds])).rowCount ?? 0;
      })) ?? 0;
    await remove(deleteUnusedCacheEntries, UNUSED_CACHE_MS);
    const requests = await remove(deleteOldRequests, auditRetentionMs);
    const manifests = await remove(deleteOldManifests, auditRetentionMs);
    const collected = await this.collect();
    const orphans = await remove(deleteOrphanedChunks, sourceStatementTimeoutMs + BUILD_MARGIN_MS);
    return { ...collected, requests, manifests, chunks: collected.chunks + orphans };
  }

  /** Measures the store, and brings it below its limit. */
  async keepLimit(): Promise<Removed> {
    const size = await this.measure();
    const removed = await this.limit.enforce(size, (work) => this.whileNothingIsEntered(work));
    if (removed !== nothing) await this.measure();
    return removed;
  }

  private async collectAndTell(): Promise<void> {
    try {
      const isSweep = this.runs++ % RUNS_TO_SWEEP === 0;
      if (!isSweep && (await this.isIdle())) return;
      const collected = isSweep ? await this.sweep() : await this.collect();
      const { bytes, ...forced } = await this.keepLimit();
      this.count(collected);
      this.count(forced);
      this.rowsRemoved += collected.chunks + collected.manifests + forced.chunks;
      await this.vacuum();
      if (bytes > 0) this.logger.log({ ...forced, bytes }, 'Removed what can be read again');
      if (Object.values(collected).some((count) => count > 0)) this.logger.debug(collected, 'Collected');
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Nothing collected this time: ${message}`);
    }
  }

  private async isIdle(): Promise<boolean> {
    const [row] = await this.database.query<{ entered: string }[]>(readEntered);
    const { entered } = row!;
    this.idleRuns = entered === this.lastEntered ? this.idleRuns + 1 : 0;
    this.lastEntered = entered;
    return this.idleRuns > IDLE_RUNS;
  }

  /** Autovacuum would do it, too, but by then the files have grown: it comes once a minute, and has other tables. */
  private async vacuum(): Promise<void> {
    const [row] = await this.database.query<{ chunks: number }[]>(estimateChunks);
    if (this.rowsRemoved < Math.max(VACUUM_FROM_ROWS, VACUUM_FROM * row!.chunks)) return;
    this.rowsRemoved = 0;
    await this.database.query(vacuum).catch((error: unknown) => {
      this.logger.debug(`No vacuum this time: ${namedError(error).message}`);
    });
  }

  private count(removed: Partial<Collected>): void {
    for (const [table, rows] of Object.entries(removed)) this.metrics.collectedRows.inc({ table }, rows);
  }

  private async measure(): Promise<StoreSize> {
    this.size = await this.withClient(measureStore);
    for (const [kind, bytes] of Object.entries(this.size.bytes)) this.metrics.storeBytes.set({ kind }, bytes);
    return this.size;
  }

  /** Runs `work` in one transaction while nobody enters what names chunks; undefined when that cannot be had in time. */
  private async whileNothingIsEntered<T>(work: (client: ClientBase) => Promise<T>): Promise<T | undefined> {
    const limits = { ...ownTables, statementTimeoutMs: 300_000, lockTimeoutMs: LOCK_TIMEOUT_MS };
    return this.withClient(async (client) => {
      try {
        return await inTransaction(client, limits, async () => {
          await lockForCollection(client);
          return work(client);
        });
      } catch (error) {
        if (hasSqlState(error, sqlState.lockNotAvailable)) return undefined;
        throw error;
      }
    });
  }

  private async withClient<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
    const runner = this.database.createQueryRunner();
    try {
      return await work((await runner.connect()) as PoolClient);
    } finally {
      await runner.release();
    }
  }
}

/** Another text when a manifest was issued or a snapshot entered. */
const readEntered = `
SELECT format('%s %s', (SELECT last_value FROM rivulet.manifest_sequence), (SELECT max(snapshot_id) FROM rivulet.snapshots))
  AS entered`;

const estimateChunks = `
SELECT reltuples::float8 AS chunks FROM pg_class WHERE oid = 'rivulet.chunks'::regclass`;

const vacuum = `
VACUUM (SKIP_LOCKED) rivulet.chunks, rivulet.snapshot_chunks, rivulet.snapshot_patches, rivulet.snapshots,
  rivulet.snapshot_cache, rivulet.sync_manifests, rivulet.sync_manifest_tables`;
