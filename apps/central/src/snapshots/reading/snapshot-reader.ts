import { Injectable } from '@nestjs/common';
import { readSource, useCanonicalSettings } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { SourceDatabase } from '../../source-database/source-database';
import { ChangeDetection } from '../../source/change-detection/change-detection';
import type { Versions } from '../../source/change-detection/versions';
import { isConsistentRead } from '../../source/consistent-read';
import type { BoundDataset } from '../bound-dataset';
import { buildSnapshot } from './build-snapshot';
import { ChunkStore } from '../chunk-store';
import { cannotBeRead } from './dataset-failure';
import { isDescriptionCurrent } from './description-check';
import type { Snapshot } from '../snapshot';
import type { CachedSnapshot } from '../snapshot-cache';
import { SnapshotCurrency } from '../snapshot-currency';
import type { SnapshotSet } from '../snapshot-set';
import { SnapshotsEnv } from '../snapshots.env';
import { SnapshotsMetrics } from '../snapshots.metrics';

/** The queries no longer have the columns that the catalogue says. */
interface SourceSchemaChanged {
  kind: 'source-schema-changed';
}

/** A table was truncated or rewritten while it was read, so that not all that was read is of one moment. */
interface Inconsistent {
  kind: 'inconsistent';
}

type BuildOutcome = { kind: 'built'; snapshots: Snapshot[] } | SourceSchemaChanged | Inconsistent;

/** `unsettled`: the moment is between a change and its version, so that nothing could be kept for others. */
export type ReadOutcome =
  { kind: 'read'; set: SnapshotSet } | { kind: 'unsettled' } | SourceSchemaChanged | Inconsistent;

/** Reads what is stale of a scope in one REPEATABLE READ transaction: one moment of the source database. */
@Injectable()
export class SnapshotReader {
  constructor(
    private readonly env: SnapshotsEnv,
    private readonly database: DataSource,
    private readonly store: ChunkStore,
    private readonly source: SourceDatabase,
    private readonly changes: ChangeDetection,
    private readonly currency: SnapshotCurrency,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /**
   * @param acceptsUnsettled read an unsettled moment all the same; its set has no versions
   * @throws RivuletError SOURCE_UNAVAILABLE; DATASET_… when a query or its rows are at fault; SERVER_BUSY on a conflict
   *   with others
   */
  async read(bound: BoundDataset[], acceptsUnsettled: boolean): Promise<ReadOutcome> {
    return this.source.inTransaction(readSource(this.env.sourceStatementTimeoutMs), async (client) => {
      await useCanonicalSettings(client);
      const beganMs = performance.now();
      const { versions, pending } = await this.changes.versionsAt(client);
      if (isSettled(bound, pending)) return this.readSettled(client, bound, versions, beganMs);
      return acceptsUnsettled ? this.readUnsettled(client, bound) : { kind: 'unsettled' };
    });
  }

  private async readSettled(
    client: ClientBase,
    bound: BoundDataset[],
    versions: Versions,
    beganMs: number,
  ): Promise<ReadOutcome> {
    // Another process may have read it while this one waited for its locks.
    const lookup = await this.currency.lookUp(bound, versions);
    if (lookup.kind === 'current') return { kind: 'read', set: lookup.set };
    const outcome = await this.build(client, bound, lookup.found);
    if (outcome.kind !== 'built') return outcome;
    const set = await this.currency.complete(bound, outcome.snapshots, versions, lookup.found, beganMs);
    return { kind: 'read', set };
  }

  private async readUnsettled(client: ClientBase, bound: BoundDataset[]): Promise<ReadOutcome> {
    const outcome = await this.build(client, bound, []);
    if (outcome.kind !== 'built') return outcome;
    const { snapshots } = outcome;
    return { kind: 'read', set: { snapshots, versions: undefined, remainingMs: 0 } };
  }

  private async build(
    client: ClientBase,
    bound: BoundDataset[],
    found: (CachedSnapshot | undefined)[],
  ): Promise<BuildOutcome> {
    const snapshots: Snapshot[] = [];
    for (const [index, dataset] of bound.entries()) {
      const known = found[index];
      if (known === undefined && !(await this.isDescribed(client, dataset))) {
        return { kind: 'source-schema-changed' };
      }
      snapshots.push(known ?? (await this.buildOne(client, dataset)));
    }
    return (await isConsistentRead(client)) ? { kind: 'built', snapshots } : { kind: 'inconsistent' };
  }

  private async buildOne(client: ClientBase, dataset: BoundDataset): Promise<Snapshot> {
    const snapshot = await buildSnapshot(client, dataset, this.store, this.database, this.env.maxRowBytes);
    this.metrics.snapshotsBuilt.inc();
    this.metrics.rowsRead.inc(snapshot.rows);
    this.metrics.bytesRead.inc(snapshot.bytes);
    return snapshot;
  }

  private async isDescribed(client: ClientBase, bound: BoundDataset): Promise<boolean> {
    try {
      return await isDescriptionCurrent(client, bound);
    } catch (error) {
      throw cannotBeRead(error, bound.dataset, this.env.maxRowBytes);
    }
  }
}

function isSettled(bound: BoundDataset[], pending: ReadonlySet<string>): boolean {
  return !bound.some(({ relations }) => relations.some((relation) => pending.has(relation)));
}
