import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { SourceWatch } from '../source/change-detection/source-watch';
import { ChangeDetection } from '../source/change-detection/change-detection';
import { SourceDatabase } from '../source-database/source-database';
import { conditionsOf, type ChangedDataset, type Dataset, type TableTracking } from '@rivulet/datasets';
import { CurrentDatasets } from '../datasets/current-datasets';

/** The datasets that are loaded. */
export interface LoadedDatasets {
  path: string;
  loadedAt: string;
  schemaVersion: string;
  /** Why no device can sync. */
  problem?: string;
  source: string;
  scope: WatchedTables;
  datasets: LoadedDataset[];
}

export interface WatchedTables {
  /** The tables whose changes are noticed, with their schemas. */
  watchedTables: string[];
  /** Which of their changes have the query read again, and for which devices. */
  tracking: TrackedTable[];
  /** Why the query is read again after an interval. */
  polledBecause?: string;
}

/** Changes of a table count for the devices whose parameters meet one of the conditions, or else for all devices. */
export interface TrackedTable {
  table: string;
  conditions?: string[];
  wholeTableBecause?: string;
}

export interface LoadedDataset extends WatchedTables {
  /** The columns by which changed rows are found, so that only the chunks with them are read again. */
  changedRowsBy?: string[];
  /** Why all of it is read again after a change. */
  readWholeBecause?: string;
  name: string;
  schema: string;
  table: string;
  key: string[];
  columns: { name: string; type: string }[];
  indexes: string[][];
}

export interface ReloadedDatasets {
  path: string;
  loadedAt: string;
  schemaVersion: string;
  scopeChanged: boolean;
  added: string[];
  removed: string[];
  changed: ChangedDataset[];
}

/** Operators' work on the datasets file: see what is loaded, and reload it, also by SIGHUP. */
@Injectable()
export class DatasetsOperations implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Datasets');
  private readonly onSignal = (): void => void this.reloadOnSignal();

  constructor(
    private readonly datasets: CurrentDatasets,
    private readonly watch: SourceWatch,
    private readonly changes: ChangeDetection,
    private readonly source: SourceDatabase,
  ) {}

  /** Windows has no such signal but for the window that is closed, and then it ends the process all the same. */
  onModuleInit(): void {
    if (process.platform !== 'win32') process.on('SIGHUP', this.onSignal);
  }

  onModuleDestroy(): void {
    process.off('SIGHUP', this.onSignal);
  }

  /** @throws RivuletError DATASETS_FILE_INVALID · SOURCE_UNAVAILABLE · DATABASE_UNAVAILABLE, and then nothing has changed */
  async reload(): Promise<ReloadedDatasets> {
    const { isScopeChanged: scopeChanged, added, removed, changed } = await this.datasets.reload();
    await this.watch.reconcile();
    const { path, loadedAt, catalogue } = this.datasets;
    const { schemaVersion } = catalogue;
    return { path, loadedAt: loadedAt.toISOString(), schemaVersion, scopeChanged, added, removed, changed };
  }

  async list(): Promise<LoadedDatasets> {
    const { path, loadedAt, catalogue, problem } = this.datasets;
    const names = await this.namesOf([
      catalogue.scopeQueryId,
      ...catalogue.datasets.map(({ queryId }) => queryId),
    ]);
    return {
      path,
      loadedAt: loadedAt.toISOString(),
      schemaVersion: catalogue.schemaVersion,
      ...(problem !== undefined && { problem: problem.message }),
      source: this.source.address,
      scope: this.watchedTables(catalogue.scopeQueryId, names),
      datasets: catalogue.datasets.map((dataset) => this.loadedDataset(dataset, names)),
    };
  }

  /** The file has been said to be wrong already. */
  private async reloadOnSignal(): Promise<void> {
    this.logger.log(`SIGHUP: reading ${this.datasets.path} again`);
    await this.reload().catch(() => undefined);
  }

  private loadedDataset(dataset: Dataset, names: Map<string, string>): LoadedDataset {
    const { name, schema, table, key, columns, indexes } = dataset.schema;
    const watched = this.watchedTables(dataset.queryId, names);
    const changedKey = this.changes.changedKeyOf(dataset.queryId, dataset.columns.slice(0, key.length));
    const reread =
      typeof changedKey === 'string' ? { readWholeBecause: changedKey } : { changedRowsBy: changedKey.names };
    return { name, schema, table, key, columns, indexes, ...watched, ...reread };
  }

  private watchedTables(queryId: string, names: Map<string, string>): WatchedTables {
    const { relations, tracking: tracked, polled } = this.changes.watchOf(queryId);
    const watchedTables = relations.flatMap((oid) => names.get(oid) ?? []).toSorted();
    const tracking = tracked.filter(({ table }) => relations.includes(table)).map(toTrackedTable);
    return { watchedTables, tracking, ...(polled !== undefined && { polledBecause: polled }) };
  }

  private async namesOf(queryIds: string[]): Promise<Map<string, string>> {
    const relations = queryIds.flatMap((queryId) => this.changes.watchOf(queryId).relations);
    const { pool } = this.source;
    const read = `SELECT class.oid::text AS oid, format('%I.%I', nspname, relname) AS name
       FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE class.oid = ANY ($1::oid[])`;
    const { rows } = await this.source.ask(() =>
      pool.query<{ oid: string; name: string }>(read, [relations]),
    );
    return new Map(rows.map(({ oid, name }) => [oid, name]));
  }
}

function toTrackedTable({ name, columns, reason }: TableTracking): TrackedTable {
  return columns === undefined
    ? { table: name, wholeTableBecause: reason }
    : { table: name, conditions: conditionsOf(columns) };
}
