import { Injectable } from '@nestjs/common';
import type { DatasetCatalogue, Scope } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { Coalesced } from '@rivulet/platform';
import { CurrentDatasets } from '../datasets/current-datasets';
import { SourceDatabase } from '../source-database/source-database';
import { ChangeDetection } from '../source/change-detection/change-detection';
import { ScopeService, type KnownScope } from '../source/scope/scope.service';
import { bindDatasets, type BoundDataset } from './bound-dataset';
import { ReadScheduler } from './queue/read-scheduler';
import { serverBusy } from './server-busy';
import type { Snapshot } from './snapshot';
import { SnapshotCurrency, type Lookup } from './snapshot-currency';
import type { ReadOutcome } from './reading/snapshot-reader';
import type { SnapshotSet } from './snapshot-set';
import { SnapshotsMetrics } from './snapshots.metrics';
import { isGone, StoreLoss } from './store-loss';
import { StoreRepair } from './store-repair';

/** While a table is being written all the time, it can take some attempts to read it between two versions. */
const READ_ATTEMPTS = 5;
const SCOPE_ATTEMPTS = 3;

/** A set that is being looked up or read. */
interface SharedSet {
  reading: Coalesced<SnapshotSet>;
  /** Requests that wait for it and whose device has not gone. */
  waiting: number;
}

/** Keeps the snapshots of all scopes up to date: none is read twice for one change, whoever asks. */
@Injectable()
export class SnapshotService {
  /** By keyOf(). */
  private readonly sets = new Map<string, SharedSet>();

  constructor(
    private readonly source: SourceDatabase,
    private readonly datasets: CurrentDatasets,
    private readonly changes: ChangeDetection,
    private readonly scopes: ScopeService,
    private readonly currency: SnapshotCurrency,
    private readonly scheduler: ReadScheduler,
    private readonly repair: StoreRepair,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /** The snapshots of a scope if they are known to be those of now, without asking any database. */
  current(known: KnownScope): Snapshot[] | undefined {
    return this.currency.current(known);
  }

  /**
   * To be called when what {@link current} or {@link bringUpToDate} gave turns out to be gone, with the error that showed
   * it: then it is looked up, or read, again.
   */
  async forget(known: KnownScope, error: unknown): Promise<void> {
    if (error instanceof StoreLoss) await this.repair.run();
    this.currency.forget(known);
  }

  /**
   * The snapshots of a scope, one for each dataset of its catalogue, read again where the source has changed. They show
   * one moment of the source, which is not before the call.
   *
   * @param gone aborts when nobody waits for it any more: what has not begun to be read by then is not read
   * @throws RivuletError SERVER_BUSY when too many scopes wait to be read, or this one has for too long, or the source schema
   *   is changing; what resolveScope throws; and DATASET_… when a query or its rows are at fault
   */
  async bringUpToDate(first: KnownScope, gone?: AbortSignal): Promise<Snapshot[]> {
    let known = first;
    for (let attempt = 1; ; attempt++) {
      const { state } = this.changes;
      const bound = this.bind(known);
      const key = keyOf(known.catalogue, bound);
      const set = await this.sharedSet(key, bound, gone);
      // The set may have been read for another device of this scope, and later than this one's scope was found.
      const later = await this.scopes.asOf(known, set.versions, set.pending);
      refuseOther(known.scope, later.scope);
      const isSame = later.id === known.id || keyOf(later.catalogue, this.bind(later)) === key;
      // A scope that nobody watches may have a clock in it, and so differ each time.
      const isGoodEnough = attempt === SCOPE_ATTEMPTS && known.stamp === undefined;
      if (isSame || isGoodEnough) {
        this.currency.confirm(known, bound, set, state);
        return set.snapshots;
      }
      if (attempt === SCOPE_ATTEMPTS) {
        throw serverBusy(`The scope of ${known.scope.macAddress} keeps changing.`);
      }
      known = later;
    }
  }

  private bind({ scope, catalogue }: KnownScope): BoundDataset[] {
    return bindDatasets(catalogue, scope.parameters, this.changes, this.source.address);
  }

  /** However many devices ask for one set at once, one read serves them. */
  private async sharedSet(key: string, bound: BoundDataset[], gone?: AbortSignal): Promise<SnapshotSet> {
    const shared = this.sets.get(key) ?? this.share(key, bound);
    let isWaiting = true;
    const leave = (): void => {
      if (isWaiting) shared.waiting -= 1;
      isWaiting = false;
    };
    shared.waiting += 1;
    gone?.addEventListener('abort', leave, { once: true });
    try {
      return await shared.reading.run();
    } finally {
      gone?.removeEventListener('abort', leave);
      leave();
      if (shared.reading.idle) this.sets.delete(key);
    }
  }

  private share(key: string, bound: BoundDataset[]): SharedSet {
    const shared: SharedSet = {
      reading: new Coalesced(() => this.findOrRead(key, bound, () => shared.waiting > 0)),
      waiting: 0,
    };
    this.sets.set(key, shared);
    return shared;
  }

  private async findOrRead(
    key: string,
    bound: BoundDataset[],
    isWanted: () => boolean,
  ): Promise<SnapshotSet> {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt === READ_ATTEMPTS;
      const versions = await this.source.ask(() => this.changes.versions());
      const lookup: Lookup = await this.currency.lookUp(bound, versions);
      this.metrics.lookups.inc({ result: lookup.kind === 'current' ? 'cache' : 'source' });
      if (lookup.kind === 'current') return lookup.set;
      const { stale, staleBytes } = lookup;
      const request = { key, bound, stale, staleBytes, acceptsUnsettled: isLast, isWanted };
      const outcome = await this.scheduler.read(request).catch(missIfGone);
      if (outcome.kind === 'read') return outcome.set;
      if (outcome.kind === 'source-schema-changed') return this.describeAgain();
      if (!isLast) continue;
      throw serverBusy(
        outcome.kind === 'gone'
          ? 'What central stores is being deleted while it is read.'
          : 'The tables of the source are being rewritten.',
      );
    }
  }

  /** @throws RivuletError always: the request began with a catalogue that no longer fits the source */
  private async describeAgain(): Promise<never> {
    await this.datasets.describeAgain();
    this.datasets.throwIfUnfit();
    throw serverBusy('The source schema has just changed.', 1);
  }
}

/** A snapshot found in the store was collected before it was entered. */
function missIfGone(error: unknown): ReadOutcome | { kind: 'gone' } {
  if (isGone(error)) return { kind: 'gone' };
  throw error;
}

/** The schema version, as a snapshot names its dataset, and cache keys say nothing of the table and indexes of that. */
function keyOf({ schemaVersion }: DatasetCatalogue, bound: BoundDataset[]): string {
  return [schemaVersion, ...bound.map(({ cacheKey }) => cacheKey)].join(' ');
}

/** The MAC address may have been reassigned since the device was authenticated. */
function refuseOther(asked: Scope, later: Scope): void {
  if (later.deviceId === asked.deviceId) return;
  throw new RivuletError('DEVICE_UNKNOWN', `${asked.macAddress} belongs to another device now.`);
}
