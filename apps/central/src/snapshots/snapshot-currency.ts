import { Injectable } from '@nestjs/common';
import { atMostEntries } from '@rivulet/platform';
import { LRUCache } from 'lru-cache';
import { ChangeDetection } from '../source/change-detection/change-detection';
import { markOf, versionVectorOf } from '../source/change-detection/version-vector';
import type { Versions } from '../source/change-detection/change-log/versions';
import type { KnownScope } from '../source/scope/scope.service';
import type { BoundDataset } from './bound-dataset';
import type { Snapshot } from './snapshot';
import {
  foldsBetween,
  PARTLY_READ_BYTES,
  REDATED_AFTER_FOLDS,
  SnapshotCache,
  type CachedSnapshot,
  type ReadDataset,
  type SnapshotBase,
} from './snapshot-cache';
import type { SnapshotSet } from './snapshot-set';
import { SnapshotsMetrics } from './snapshots.metrics';

/** The snapshots of a list of datasets that are still current: all, or some, with `undefined` for each that must be read. */
export type Lookup =
  | { kind: 'current'; set: SnapshotSet }
  | {
      kind: 'stale';
      stale: BoundDataset[];
      staleBytes: number;
      found: (CachedSnapshot | undefined)[];
      /** The last snapshots of those that must be read, by cache key. */
      bases: ReadonlyMap<string, SnapshotBase>;
    };

interface ConfirmedSet {
  snapshots: Snapshot[];
  /** The latest versions at which it was found to be current. */
  versionsId: string;
  /** Those at which it was looked up. */
  confirmedId: string;
  /** Whether it is to be looked up again after many folds, which gives the snapshot a new date. */
  hasLarge: boolean;
  /** The dependencies of its rows, one text of all; and the mark of their versions when the rows were read. */
  keys: string;
  mark: string;
  /** The state of change detection. */
  state: string;
  /** By the monotonic clock. */
  untilMs: number;
}

/** Sets that are remembered: those of 25,000 scopes with ten datasets each. */
const CONFIRMED_MAX_BYTES = 64 * 1024 * 1024;

/** About what one takes, with its key. */
const SET_BYTES = 512;
const SNAPSHOT_BYTES = 168;

/** Snapshots that are remembered once, however many scopes have them. */
const SHARED_SNAPSHOTS = 1_000;

/** Knows which snapshots still show the rows of now. */
@Injectable()
export class SnapshotCurrency {
  /** By the id of a scope. */
  private readonly confirmed = new LRUCache<string, ConfirmedSet>({
    maxSize: CONFIRMED_MAX_BYTES,
    sizeCalculation: ({ snapshots, keys }) => SET_BYTES + snapshots.length * SNAPSHOT_BYTES + keys.length,
  });

  /** By their ids. */
  private readonly shared = new LRUCache<number, Snapshot>(atMostEntries(SHARED_SNAPSHOTS));

  constructor(
    private readonly cache: SnapshotCache,
    private readonly changes: ChangeDetection,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /** The snapshots of a scope if they are known to be those of its versions, without asking any database. */
  current({ id, versions, pending }: KnownScope): Snapshot[] | undefined {
    const set = this.confirmed.get(id);
    if (set === undefined || set.state !== this.changes.state) return undefined;
    // The scope would be of a later moment than the rows.
    if (pending !== undefined && keysOf(set).some((key) => pending.has(key))) return undefined;
    if (performance.now() >= set.untilMs || !isOf(set, versions)) return undefined;
    if (set.hasLarge && foldsBetween(set.confirmedId, versions.id) >= REDATED_AFTER_FOLDS) return undefined;
    this.metrics.lookups.inc({ result: 'memory' });
    return set.snapshots;
  }

  /** Equal for two moments between which no change that counts for a scope was noticed; undefined if that is not known. */
  vectorOf({ id, versions }: KnownScope): string | undefined {
    const set = this.confirmed.get(id);
    if (set === undefined || set.state !== this.changes.state) return undefined;
    return vectorAt(set, versions);
  }

  /**
   * Remembers that a set is that of a scope.
   *
   * @param state - that of change detection, before the set was read
   */
  confirm(
    { id }: KnownScope,
    bound: readonly Pick<BoundDataset, 'relations'>[],
    { snapshots, versions, remainingMs }: SnapshotSet,
    state: string,
  ): void {
    if (versions === undefined) return;
    const keys = [...new Set(bound.flatMap(({ relations }) => relations))].join(' ');
    const vector = vectorAt({ keys }, versions);
    if (vector === undefined) return;
    const untilMs = performance.now() + remainingMs;
    const hasLarge = snapshots.some(({ bytes }) => bytes >= PARTLY_READ_BYTES);
    const { id: confirmedId } = versions;
    this.confirmed.set(id, {
      snapshots: snapshots.map((snapshot) => this.remembered(snapshot)),
      versionsId: confirmedId,
      confirmedId,
      hasLarge,
      keys,
      mark: markOf(vector),
      state,
      untilMs,
    });
  }

  forget({ id }: KnownScope): void {
    this.confirmed.delete(id);
  }

  /** Looks up, in central's database, what has been read at these versions. `staleBytes`: as far as they are known. */
  async lookUp(bound: BoundDataset[], versions: Versions): Promise<Lookup> {
    const entries = await this.cache.find(bound, versions, this.changes.pollIntervalMs);
    const found = entries.map(({ snapshot }) => snapshot);
    const stale = bound.filter((_, index) => found[index] === undefined);
    if (stale.length > 0) {
      const bytes = entries.map(({ snapshot, lastBytes = 0 }) => (snapshot === undefined ? lastBytes : 0));
      const bases = new Map(
        entries.flatMap(({ base }, index) => (base === undefined ? [] : [[bound[index]!.cacheKey, base]])),
      );
      return { kind: 'stale', stale, staleBytes: bytes.reduce((sum, count) => sum + count, 0), found, bases };
    }
    const snapshots = found as CachedSnapshot[];
    const ages = snapshots.map(({ ageMs }) => ageMs);
    return { kind: 'current', set: this.setOf(bound, snapshots, versions, ages) };
  }

  /**
   * Enters what has now been read at these versions.
   *
   * @param beganMs before anything was read, by the monotonic clock
   */
  async enter(read: ReadDataset[], versions: Versions, beganMs: number): Promise<void> {
    await this.cache.put(read, versions, beganMs);
  }

  /**
   * Makes a set of what was found and what has been read at these versions.
   *
   * @param beganMs before anything was read or looked up, by the monotonic clock
   */
  complete(
    bound: BoundDataset[],
    snapshots: Snapshot[],
    versions: Versions,
    found: (CachedSnapshot | undefined)[],
    beganMs: number,
  ): SnapshotSet {
    const passedMs = performance.now() - beganMs;
    const ages = bound.map((_, index) => (found[index]?.ageMs ?? 0) + passedMs);
    return this.setOf(bound, snapshots, versions, ages);
  }

  /** Nothing more than a snapshot has. */
  private remembered({ dataset, snapshotId, rows, bytes, checksum, wireBytes }: Snapshot): Snapshot {
    const known = this.shared.get(snapshotId);
    if (known?.dataset === dataset) return known;
    const snapshot = { dataset, snapshotId, rows, bytes, checksum, wireBytes };
    this.shared.set(snapshotId, snapshot);
    return snapshot;
  }

  private setOf(
    bound: BoundDataset[],
    snapshots: Snapshot[],
    versions: Versions,
    ages: number[],
  ): SnapshotSet {
    const remaining = bound.map((dataset, index) => {
      if (dataset.polled) return this.changes.pollIntervalMs - ages[index]!;
      // A watched dataset is used for as long as its versions are known.
      return versionVectorOf(dataset, versions) === undefined ? 0 : Infinity;
    });
    return { snapshots, versions, remainingMs: Math.min(...remaining) };
  }
}

/** Whether nothing that a set depends on has changed between its versions and these. */
function isOf(set: ConfirmedSet, versions: Versions): boolean {
  if (set.versionsId === versions.id) return true;
  const vector = vectorAt(set, versions);
  if (vector === undefined || markOf(vector) !== set.mark) return false;
  set.versionsId = versions.id;
  return true;
}

function vectorAt(set: Pick<ConfirmedSet, 'keys'>, versions: Versions): string | undefined {
  return versionVectorOf({ relations: keysOf(set), definition: '' }, versions);
}

function keysOf({ keys }: Pick<ConfirmedSet, 'keys'>): string[] {
  return keys === '' ? [] : keys.split(' ');
}
