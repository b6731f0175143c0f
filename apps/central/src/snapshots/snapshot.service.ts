import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { hasSqlState, readSource, sqlState, useCanonicalSettings } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { ChangeDetection, type Versions } from '../source/change-detection/change-detection';
import { Coalesced } from '@rivulet/platform';
import { SourceDatabase } from '../source-database/source-database';
import { isConsistentRead } from '../source/consistent-read';
import { CurrentDatasets } from '../datasets/current-datasets';
import type { DatasetCatalogue, Scope } from '@rivulet/datasets';
import { ScopeService, type KnownScope } from '../source/scope/scope.service';
import { bindDatasets, type BoundDataset } from './bound-dataset';
import { buildSnapshot, cannotBeRead } from './build-snapshot';
import { ChunkStore } from './chunk-store';
import { isDescriptionCurrent } from './description-check';
import type { Snapshot } from './snapshot';
import { SnapshotCache } from './snapshot-cache';
import { SnapshotsEnv } from './snapshots.env';
import { SnapshotsMetrics } from './snapshots.metrics';

/** What a scope may see, all of one moment. */
interface SnapshotSet {
  snapshots: Snapshot[];
  /** The versions of that moment; undefined when a change was under way that no version names yet. */
  versions: Versions | undefined;
  /** How long polled rows in it may still be used. */
  remainingMs: number;
}

interface ConfirmedSet {
  snapshots: Snapshot[];
  versions: Versions;
  /** By the monotonic clock. */
  untilMs: number;
}

/** While a table is being written all the time, it can take some attempts to read it between two versions. */
const READ_ATTEMPTS = 5;
const SCOPE_ATTEMPTS = 3;

/** Keeps the snapshots of all scopes up to date: none is read twice for one change, whoever asks. */
@Injectable()
export class SnapshotService {
  private reading = 0;
  /** By keyOf(). */
  private readonly sets = new Map<string, Coalesced<SnapshotSet>>();
  private readonly confirmed = new WeakMap<Scope, ConfirmedSet>();

  constructor(
    private readonly env: SnapshotsEnv,
    private readonly database: DataSource,
    private readonly store: ChunkStore,
    private readonly source: SourceDatabase,
    private readonly datasets: CurrentDatasets,
    private readonly changes: ChangeDetection,
    private readonly scopes: ScopeService,
    private readonly cache: SnapshotCache,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /** The snapshots of a scope if they are known to be those of now, without asking any database. */
  current({ scope, versions }: KnownScope): Snapshot[] | undefined {
    const known = this.confirmed.get(scope);
    if (known === undefined || known.versions !== versions) return undefined;
    if (performance.now() >= known.untilMs) return undefined;
    this.metrics.lookups.inc({ result: 'memory' });
    return known.snapshots;
  }

  /** To be called when a snapshot that {@link current} gave is no longer stored. */
  forget({ scope }: KnownScope): void {
    this.confirmed.delete(scope);
  }

  /**
   * The snapshots of a scope, one for each dataset of its catalogue, read again where the source has changed. They show
   * one moment of the source, which is not before the call.
   *
   * @throws RivuletError SERVER_BUSY when as many scopes as allowed are being read, or tables are being defined anew;
   *   what resolveScope throws; and DATASET_… when a query or its rows are at fault
   */
  async bringUpToDate(first: KnownScope): Promise<Snapshot[]> {
    const { scope, catalogue } = first;
    let known = first;
    for (let attempt = 1; ; attempt++) {
      refuseOther(scope, known.scope);
      const bound = this.bind(known);
      const key = keyOf(catalogue, bound);
      const set = await this.sharedSet(key, bound);
      // The set may have been read for another device of this scope, and later than this one's scope was found.
      const later = await this.scopes.asOf(known, set.versions);
      const isSame = later === known || keyOf(catalogue, this.bind(later)) === key;
      // A scope that nobody watches may have a clock in it, and so be another each time.
      const isGoodEnough = attempt === SCOPE_ATTEMPTS && known.stamp === undefined;
      if (isSame || isGoodEnough) {
        this.confirm(known.scope, set);
        return set.snapshots;
      }
      if (attempt === SCOPE_ATTEMPTS) throw busy(`The scope of ${scope.macAddress} changes all the time.`);
      known = later;
    }
  }

  private bind({ scope, catalogue }: KnownScope): BoundDataset[] {
    return bindDatasets(catalogue, scope.parameters, this.changes, this.source.address);
  }

  private confirm(scope: Scope, { snapshots, versions, remainingMs }: SnapshotSet): void {
    if (versions === undefined) return;
    this.confirmed.set(scope, { snapshots, versions, untilMs: performance.now() + remainingMs });
  }

  /** However many devices ask for one set at once, one read serves them. */
  private async sharedSet(key: string, bound: BoundDataset[]): Promise<SnapshotSet> {
    let shared = this.sets.get(key);
    if (shared === undefined) {
      shared = new Coalesced(() => this.findOrRead(bound));
      this.sets.set(key, shared);
    }
    try {
      return await shared.run();
    } finally {
      if (shared.idle) this.sets.delete(key);
    }
  }

  private async findOrRead(bound: BoundDataset[]): Promise<SnapshotSet> {
    for (let attempt = 1; ; attempt++) {
      const versions = await this.source.ask(() => this.changes.versions());
      const found = await this.cache.find(bound, versions, this.changes.pollIntervalMs);
      const stale = bound.filter((_, index) => found[index] === undefined);
      this.metrics.lookups.inc({ result: stale.length === 0 ? 'cache' : 'source' });
      if (stale.length === 0)
        return { snapshots: found as Snapshot[], versions, remainingMs: this.remaining(bound, found) };
      const set = await this.limited(stale, () => this.read(bound, attempt === READ_ATTEMPTS));
      if (set === 'defined anew') await this.catchUp();
      else if (set !== undefined) return set;
      else if (attempt === READ_ATTEMPTS) throw busy('The tables of the source are being rewritten.');
    }
  }

  /** @throws RivuletError always: who asked began with a catalogue that is no longer that of the source */
  private async catchUp(): Promise<never> {
    await this.datasets.describeAgain();
    this.datasets.throwIfUnfit();
    throw busy('The tables of the source have just been defined anew.', 1);
  }

  /** At most so many at once, and no dataset for the same scope in two processes at once. */
  private async limited<T>(stale: BoundDataset[], work: () => Promise<T>): Promise<T> {
    if (this.reading >= this.env.maxSnapshotBuilds) {
      this.metrics.buildsRefused.inc();
      throw busy(`Central is already reading the data of ${this.reading} scopes.`);
    }
    this.reading += 1;
    this.metrics.buildsRunning.inc();
    const stopTimer = this.metrics.buildSeconds.startTimer();
    try {
      return await this.store.keepingAll(
        stale.map(({ cacheKey }) => `rivulet snapshot ${cacheKey}`),
        work,
      );
    } catch (error) {
      if (!hasSqlState(error, sqlState.lockNotAvailable)) throw error;
      throw busy('Another central is reading the same data.');
    } finally {
      this.reading -= 1;
      this.metrics.buildsRunning.dec();
      stopTimer();
    }
  }

  /**
   * Reads what is stale in one REPEATABLE READ transaction: one moment of the source database. Undefined when it is a
   * moment between a change and its version, at which nothing could be kept for others; the last attempt reads it. And
   * undefined when not all that was read is of this moment.
   */
  private async read(
    bound: BoundDataset[],
    isLastAttempt: boolean,
  ): Promise<SnapshotSet | 'defined anew' | undefined> {
    const limits = readSource(this.env.sourceStatementTimeoutMs);
    return this.source.inTransaction(limits, async (client) => {
      await useCanonicalSettings(client);
      const { versions, pending } = await this.changes.versionsAt(client);
      const isSettled = !bound.some(({ relations }) => relations.some((relation) => pending.has(relation)));
      if (!isSettled && !isLastAttempt) return undefined;
      const found = isSettled ? await this.cache.find(bound, versions, this.changes.pollIntervalMs) : [];
      const snapshots: Snapshot[] = [];
      for (const [index, dataset] of bound.entries()) {
        const snapshot = found[index] ?? (await this.build(client, dataset));
        if (snapshot === undefined) return 'defined anew';
        snapshots.push(snapshot);
      }
      if (!(await isConsistentRead(client))) return undefined;
      const remainingMs = this.remaining(bound, found);
      if (!isSettled) return { snapshots, versions: undefined, remainingMs };
      for (const [index, dataset] of bound.entries()) {
        if (found[index] === undefined) await this.cache.put(dataset, versions, snapshots[index]!);
      }
      return { snapshots, versions, remainingMs };
    });
  }

  /** Undefined when the tables behind it have been defined anew. */
  private async build(client: ClientBase, bound: BoundDataset): Promise<Snapshot | undefined> {
    const { maxRowBytes } = this.env;
    try {
      if (!(await isDescriptionCurrent(client, bound))) return undefined;
    } catch (error) {
      throw cannotBeRead(error, bound.dataset, maxRowBytes);
    }
    const snapshot = await buildSnapshot(client, bound, this.store, this.database, maxRowBytes);
    this.metrics.snapshotsBuilt.inc();
    this.metrics.rowsRead.inc(snapshot.rows);
    this.metrics.bytesRead.inc(snapshot.bytes);
    return snapshot;
  }

  private remaining(bound: BoundDataset[], found: ({ ageMs: number } | undefined)[]): number {
    const ages = bound.map(({ polled }, index) => (polled ? (found[index]?.ageMs ?? 0) : -Infinity));
    return this.changes.pollIntervalMs - Math.max(...ages);
  }
}

/** The schema version, as a snapshot names its dataset, and cache keys say nothing of the table and indexes of that. */
function keyOf({ schemaVersion }: DatasetCatalogue, bound: BoundDataset[]): string {
  return [schemaVersion, ...bound.map(({ cacheKey }) => cacheKey)].join(' ');
}

/** Of a MAC address that has changed hands since the device was let in. */
function refuseOther(first: Scope, later: Scope): void {
  if (later.deviceId === first.deviceId) return;
  throw new RivuletError('DEVICE_UNKNOWN', `${first.macAddress} belongs to another device now.`);
}

function busy(message: string, retryAfterSeconds = 2 + Math.floor(Math.random() * 8)): RivuletError {
  return new RivuletError('SERVER_BUSY', message, { retryAfterSeconds });
}
