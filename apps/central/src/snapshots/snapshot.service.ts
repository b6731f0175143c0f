import { Injectable } from '@nestjs/common';
import type { DatasetCatalogue, Scope } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { Coalesced } from '@rivulet/platform';
import { hasSqlState, sqlState } from '@rivulet/postgres';
import { CurrentDatasets } from '../datasets/current-datasets';
import { SourceDatabase } from '../source-database/source-database';
import { ChangeDetection } from '../source/change-detection/change-detection';
import { describeLockHolders } from '../source/lock-holders';
import { ScopeService, type KnownScope } from '../source/scope/scope.service';
import { bindDatasets, type BoundDataset } from './bound-dataset';
import { BuildAdmission } from './build-admission';
import { serverBusy } from './server-busy';
import type { Snapshot } from './snapshot';
import { SnapshotCurrency } from './snapshot-currency';
import { SnapshotReader, type ReadOutcome } from './reading/snapshot-reader';
import type { SnapshotSet } from './snapshot-set';
import { SnapshotsMetrics } from './snapshots.metrics';
import { isGone, StoreLoss } from './store-loss';
import { StoreRepair } from './store-repair';

/** While a table is being written all the time, it can take some attempts to read it between two versions. */
const READ_ATTEMPTS = 5;
const SCOPE_ATTEMPTS = 3;

const END_THE_LOCK =
  'Other datasets go on while they can be read at one moment without this table. If the lock stays, end its transaction at ' +
  'the source (pg_terminate_backend); devices try again by themselves.';

/** Keeps the snapshots of all scopes up to date: none is read twice for one change, whoever asks. */
@Injectable()
export class SnapshotService {
  /** By keyOf(). */
  private readonly sets = new Map<string, Coalesced<SnapshotSet>>();

  constructor(
    private readonly source: SourceDatabase,
    private readonly datasets: CurrentDatasets,
    private readonly changes: ChangeDetection,
    private readonly scopes: ScopeService,
    private readonly currency: SnapshotCurrency,
    private readonly admission: BuildAdmission,
    private readonly reader: SnapshotReader,
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
   * @throws RivuletError SERVER_BUSY when as many scopes as allowed are being read, or the source schema is changing;
   *   what resolveScope throws; and DATASET_… when a query or its rows are at fault
   */
  async bringUpToDate(first: KnownScope): Promise<Snapshot[]> {
    let known = first;
    for (let attempt = 1; ; attempt++) {
      const { state } = this.changes;
      const bound = this.bind(known);
      const key = keyOf(known.catalogue, bound);
      const set = await this.sharedSet(key, bound);
      // The set may have been read for another device of this scope, and later than this one's scope was found.
      const later = await this.scopes.asOf(known, set.versions);
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
      const isLast = attempt === READ_ATTEMPTS;
      const versions = await this.source.ask(() => this.changes.versions());
      const lookup = await this.currency.lookUp(bound, versions);
      this.metrics.lookups.inc({ result: lookup.kind === 'current' ? 'cache' : 'source' });
      if (lookup.kind === 'current') return lookup.set;
      const outcome = await this.admission.admit(lookup.stale, () => this.readOrMiss(bound, isLast));
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

  /** `gone`: what was found in the store was collected before it was entered. */
  private async readOrMiss(bound: BoundDataset[], isLast: boolean): Promise<ReadOutcome | { kind: 'gone' }> {
    try {
      return await this.reader.read(bound, isLast);
    } catch (error) {
      if (isGone(error)) return { kind: 'gone' };
      throw await this.withLockHolders(error, bound);
    }
  }

  /** Says who holds the lock that was waited for. */
  private async withLockHolders(thrown: unknown, bound: BoundDataset[]): Promise<unknown> {
    if (!(thrown instanceof RivuletError) || !hasSqlState(thrown.cause, sqlState.lockNotAvailable))
      return thrown;
    const relations = [...new Set(bound.flatMap((dataset) => dataset.relations))];
    const holders = await describeLockHolders(this.source.pool, relations).catch(() => undefined);
    if (holders === undefined) return thrown;
    const { code, message, cause } = thrown;
    return new RivuletError(code, `${message.replace(/\.$/, '')}: ${holders}.`, {
      cause,
      nextStep: END_THE_LOCK,
    });
  }

  /** @throws RivuletError always: the request began with a catalogue that no longer fits the source */
  private async describeAgain(): Promise<never> {
    await this.datasets.describeAgain();
    this.datasets.throwIfUnfit();
    throw serverBusy('The source schema has just changed.', 1);
  }
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
