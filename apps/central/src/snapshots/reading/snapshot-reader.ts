import { Injectable } from '@nestjs/common';
import type { Dataset } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { readSource } from '@rivulet/postgres';
import { unalterableTypes, type KnownTypes } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { SourceDatabase } from '../../source-database/source-database';
import { ChangeDetection } from '../../source/change-detection/change-detection';
import type { Versions } from '../../source/change-detection/change-log/versions';
import { isConsistentRead } from '../../source/consistent-read';
import type { BoundDataset } from '../bound-dataset';
import { ChunkStore } from '../chunk-store';
import { ReadyPatches } from '../patches/ready-patches';
import type { Snapshot } from '../snapshot';
import type { CachedSnapshot, ReadDataset, SnapshotBase } from '../snapshot-cache';
import { SnapshotCurrency, type Lookup } from '../snapshot-currency';
import type { SnapshotSet } from '../snapshot-set';
import { SnapshotsEnv } from '../snapshots.env';
import { SnapshotsMetrics } from '../snapshots.metrics';
import { ChangedChunks } from './changed-chunks';
import { cannotBeRead } from './dataset-failure';
import { isDescriptionCurrent } from './description-check';
import { explainLock } from './explain-lock';
import { ReadFailure } from './read-failure';
import { readContents } from './read-contents';
import { recordSnapshots, type ReadContent } from './record-snapshots';

/** A scope whose snapshots are to be those of now. */
export interface ReadOrder {
  bound: BoundDataset[];
  /** Read an unsettled moment all the same; its set has no versions. */
  acceptsUnsettled: boolean;
}

/**
 * `unsettled`: the moment is between a change and its version, so that nothing could be kept for others ·
 * `source-schema-changed`: the queries no longer have the columns that the catalogue says · `inconsistent`: a table was
 * truncated or rewritten while it was read, so that not all that was read is of one moment
 */
export type ReadOutcome =
  { kind: 'read'; set: SnapshotSet } | { kind: 'unsettled' | 'source-schema-changed' | 'inconsistent' };

/** An order that is read at this moment, and what is known of it already. */
interface Reading {
  order: ReadOrder;
  isSettled: boolean;
  found: (CachedSnapshot | undefined)[];
  current: SnapshotSet | undefined;
  /** The datasets' snapshots at their last read, by cache key. */
  bases: ReadonlyMap<string, SnapshotBase>;
}

const NO_BASES: ReadonlyMap<string, SnapshotBase> = new Map();

/** The moment of a transaction. */
interface Moment {
  client: ClientBase;
  versions: Versions;
  /** Keys of changes that it shows and no version stands for. */
  pending: ReadonlySet<string>;
  /** By the monotonic clock. */
  beganMs: number;
}

/** Reads what is stale of scopes in one REPEATABLE READ transaction: one moment of the source database. */
@Injectable()
export class SnapshotReader {
  /** Types of the source that need not be looked up again. */
  private unalterable: KnownTypes = new Map();

  constructor(
    private readonly env: SnapshotsEnv,
    private readonly database: DataSource,
    private readonly store: ChunkStore,
    private readonly source: SourceDatabase,
    private readonly changes: ChangeDetection,
    private readonly currency: SnapshotCurrency,
    private readonly changedChunks: ChangedChunks,
    private readonly readyPatches: ReadyPatches,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /**
   * @param statementTimeoutMs for each of its statements
   * @returns one outcome for each order
   * @throws ReadFailure when a query or its rows are at fault · RivuletError SOURCE_UNAVAILABLE
   */
  async read(
    orders: ReadOrder[],
    statementTimeoutMs = this.env.sourceStatementTimeoutMs,
  ): Promise<ReadOutcome[]> {
    const reading = this.source.inTransaction(readSource(statementTimeoutMs), async (client) => {
      const beganMs = performance.now();
      const { versions, pending } = await this.changes.versionsAt(client);
      const moment = { client, versions, pending, beganMs };
      const readings = await Promise.all(orders.map((order) => this.begin(order, moment)));
      return this.readAll(moment, readings);
    });
    return reading.catch(async (error: unknown) => {
      if (!(error instanceof ReadFailure)) throw error;
      const bound = orders.flatMap((order) => order.bound);
      throw new ReadFailure(error.dataset, await explainLock(error.cause, bound, this.source.pool));
    });
  }

  /** Another process may have read it while this one waited. */
  private async begin(order: ReadOrder, { versions, pending }: Moment): Promise<Reading> {
    const settled = isSettled(order.bound, pending);
    const reading = { order, isSettled: settled, found: [], current: undefined, bases: NO_BASES };
    if (!settled) return reading;
    const lookup: Lookup = await this.currency.lookUp(order.bound, versions);
    if (lookup.kind === 'current') return { ...reading, current: { ...lookup.set, pending } };
    return { ...reading, found: lookup.found, bases: lookup.bases };
  }

  private async readAll(moment: Moment, readings: Reading[]): Promise<ReadOutcome[]> {
    const stale = readings.filter(
      ({ order, isSettled: settled, current }) =>
        current === undefined && (settled || order.acceptsUnsettled),
    );
    const unfit = await this.findUnfit(moment.client, stale);
    const fit = stale.filter(({ order }) => !order.bound.some(({ dataset }) => unfit.has(dataset)));
    const bases = new Map(fit.flatMap((reading) => [...reading.bases]));
    const snapshots = await this.build(moment.client, distinctStale(fit), bases);
    const isOne = fit.length === 0 || (await isConsistentRead(moment.client));
    if (isOne) await this.enter(moment, fit, snapshots);
    return readings.map((reading) => {
      if (reading.current !== undefined) return { kind: 'read', set: reading.current };
      if (!stale.includes(reading)) return { kind: 'unsettled' };
      if (!fit.includes(reading)) return { kind: 'source-schema-changed' };
      return isOne ? { kind: 'read', set: this.setOf(moment, reading, snapshots) } : { kind: 'inconsistent' };
    });
  }

  /** Datasets to be read whose queries no longer have the columns that the catalogue says. */
  private async findUnfit(client: ClientBase, stale: Reading[]): Promise<Set<Dataset>> {
    const first = new Map(distinctStale(stale).map((bound) => [bound.dataset, bound]));
    const unfit = new Set<Dataset>();
    const known: KnownTypes = new Map(this.unalterable);
    for (const [dataset, bound] of first) {
      if (!(await this.isDescribed(client, bound, known))) unfit.add(dataset);
    }
    if (known.size > this.unalterable.size) this.unalterable = unalterableTypes(known);
    return unfit;
  }

  /** By statement. */
  private async build(
    client: ClientBase,
    stale: BoundDataset[],
    bases: ReadonlyMap<string, SnapshotBase>,
  ): Promise<Map<string, Snapshot>> {
    const distinct = [...new Map(stale.map((one) => [one.statementKey, one])).values()];
    const keys: string[] = [];
    const contents: ReadContent[] = [];
    const groups = new Map<Dataset, BoundDataset[]>();
    for (const bound of distinct) {
      const content = await this.readChanged(client, bound, bases.get(bound.cacheKey));
      if (content === undefined) groups.set(bound.dataset, [...(groups.get(bound.dataset) ?? []), bound]);
      else {
        keys.push(bound.statementKey);
        contents.push(content);
      }
    }
    for (const [dataset, scopes] of groups) {
      keys.push(...scopes.map(({ statementKey }) => statementKey));
      const read = readContents(client, scopes, this.store, this.env.maxRowBytes);
      const whole = await read.catch((error: unknown) => fail(dataset, error));
      for (const { rows, bytes } of whole) this.countRead('whole', rows, bytes);
      contents.push(...whole);
    }
    const snapshots = await recordSnapshots(this.database, contents);
    for (const [index, { patch }] of contents.entries()) {
      if (patch === undefined) continue;
      this.readyPatches.keep(patch.baseSnapshotId, snapshots[index]!.snapshotId, patch.contents);
    }
    return new Map(keys.map((key, index) => [key, snapshots[index]!]));
  }

  private async readChanged(
    client: ClientBase,
    bound: BoundDataset,
    base: SnapshotBase | undefined,
  ): Promise<ReadContent | undefined> {
    if (base === undefined) return undefined;
    const content = await this.changedChunks
      .read(client, bound, base, this.env.maxRowBytes)
      .catch((error: unknown) => fail(bound.dataset, error));
    if (content !== undefined) this.countRead('changed', content.rowsRead, content.bytesRead);
    return content;
  }

  private countRead(how: 'whole' | 'changed', rows: number, bytes: number): void {
    this.metrics.snapshotsBuilt.inc({ read: how });
    this.metrics.rowsRead.inc(rows);
    this.metrics.bytesRead.inc(bytes);
  }

  private async enter(
    { versions, beganMs }: Moment,
    fit: Reading[],
    snapshots: Map<string, Snapshot>,
  ): Promise<void> {
    const settled = distinctStale(fit.filter((reading) => reading.isSettled));
    const read = settled.map((bound): ReadDataset => ({
      bound,
      snapshot: snapshots.get(bound.statementKey)!,
    }));
    await this.currency.enter(read, versions, beganMs);
  }

  private setOf(
    { versions, pending, beganMs }: Moment,
    { order: { bound }, isSettled: settled, found }: Reading,
    read: Map<string, Snapshot>,
  ): SnapshotSet {
    const snapshots = bound.map(({ statementKey }, index) => found[index] ?? read.get(statementKey)!);
    if (!settled) return { snapshots, versions: undefined, remainingMs: 0 };
    return { ...this.currency.complete(bound, snapshots, versions, found, beganMs), pending };
  }

  private async isDescribed(client: ClientBase, bound: BoundDataset, known: KnownTypes): Promise<boolean> {
    try {
      return await isDescriptionCurrent(client, bound, known);
    } catch (error) {
      return fail(bound.dataset, cannotBeRead(error, bound.dataset, this.env.maxRowBytes));
    }
  }
}

/** @throws ReadFailure; or the error itself, unless the dataset has to do with it */
function fail(dataset: Dataset, error: unknown): never {
  throw error instanceof RivuletError ? new ReadFailure(dataset, error) : error;
}

function isSettled(bound: BoundDataset[], pending: ReadonlySet<string>): boolean {
  return !bound.some(({ relations }) => relations.some((relation) => pending.has(relation)));
}

/** The datasets that must be read, each once. */
function distinctStale(readings: Reading[]): BoundDataset[] {
  const stale = readings.flatMap(({ order, found }) =>
    order.bound.filter((_, index) => found[index] === undefined),
  );
  return [...new Map(stale.map((bound) => [bound.cacheKey, bound])).values()];
}
