import { isDeepStrictEqual } from 'node:util';
import {
  definitionDigest,
  DependencyWalk,
  didYouMean,
  findRowSelection,
  readDefinitions,
  watchQuery,
  type Dataset,
  type DatasetCatalogue,
  type DefinitionKeys,
  type RowSelection,
} from '@rivulet/datasets';
import { inUndoneSavepoint, isInterruption, isPostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import type { CurrentDatasets } from '../../datasets/current-datasets';
import { unionOf } from '../change-detection/look-at-queries';
import type { NotedTable } from './noted-table';

/** A dataset whose changed rows are noted. */
export interface NotedDataset {
  dataset: string;
  /** Columns that it sends, or parameters of its query, of which a topic is made. */
  topic: readonly string[];
  /** Columns of it that travel with its key. */
  columns: readonly string[];
}

export type NotedEntry = NotedTable | NotedDataset;

interface Resolved {
  dataset: Dataset;
  /** How all that it reads was defined, at the latest when it was looked at. */
  definitions: DefinitionKeys;
  digest: string;
  noted: NotedTable;
}

/** Finds the tables behind datasets, and by which condition a row of them is one of the dataset. */
export class DatasetRows {
  private catalogue: DatasetCatalogue | undefined;
  private isStale = false;
  private readonly resolved = new Map<string, Resolved>();

  constructor(private readonly datasets: Pick<CurrentDatasets, 'catalogue'>) {}

  /** Another that knows nothing yet: what is only tried must not pass for what is installed. */
  apart(): DatasetRows {
    return new DatasetRows(this.datasets);
  }

  get isOutdated(): boolean {
    return this.isStale || (this.resolved.size > 0 && this.catalogue !== this.datasets.catalogue);
  }

  /**
   * In a transaction that may write.
   *
   * @returns in the order of the entries, the tables, or why changes of a dataset cannot be told
   */
  async resolve(client: ClientBase, entries: readonly NotedEntry[]): Promise<(NotedTable | string)[]> {
    if (!(await this.areAsResolved(client))) this.resolved.clear();
    this.isStale = false;
    this.catalogue = this.datasets.catalogue;
    const tables: (NotedTable | string)[] = [];
    for (const entry of entries)
      tables.push('dataset' in entry ? await this.find(client, entry, this.catalogue) : entry);
    return tables;
  }

  /** Whether all that the datasets read is defined as it was when they were resolved. One statement, or none. */
  async areAsResolved(client: ClientBase): Promise<boolean> {
    if (this.resolved.size === 0) return true;
    if (this.isOutdated) return false;
    const all = [...this.resolved.values()];
    const now = await readDefinitions(client, unionOf(all), []);
    this.isStale = !all.every(({ definitions, digest }) => definitionDigest(now, definitions) === digest);
    return !this.isStale;
  }

  private async find(
    client: ClientBase,
    entry: NotedDataset,
    catalogue: DatasetCatalogue,
  ): Promise<NotedTable | string> {
    const name = JSON.stringify(entry);
    const known = this.resolved.get(name);
    const dataset = catalogue.datasets.find(({ definition }) => definition.name === entry.dataset);
    if (dataset === undefined) {
      const names = catalogue.datasets.map(({ definition }) => definition.name);
      return `the datasets file has no such dataset${didYouMean(entry.dataset, names)}`;
    }
    if (known?.dataset === dataset) return known.noted;
    const found = await lookAt(client, dataset, catalogue);
    if (typeof found === 'string') return `${found}; tell the changes of its tables instead, with table:`;
    const noted = notedTable(found.selection, dataset, entry);
    if (typeof noted === 'string') return noted;
    this.resolved.set(name, { ...found, dataset, noted });
    return noted;
  }
}

interface Found extends Pick<Resolved, 'definitions' | 'digest'> {
  selection: RowSelection;
}

/** What is defined in another way after the digest was read has another digest; what was so before it is looked at. */
async function lookAt(
  client: ClientBase,
  { definition }: Dataset,
  { scope }: DatasetCatalogue,
): Promise<Found | string> {
  const { template } = definition.query;
  try {
    return await inUndoneSavepoint(client, async () => {
      const walk = await DependencyWalk.begin(client);
      const { definitions } = await watchQuery(client, template, scope.columns, walk);
      const digest = definitionDigest(await readDefinitions(client, definitions, []), definitions);
      const watch = await watchQuery(client, template, scope.columns, await DependencyWalk.begin(client));
      const isSame = isDeepStrictEqual(watch.definitions, definitions);
      const reason = watch.polled ?? (isSame ? undefined : 'what it reads is being changed');
      if (reason !== undefined) return reason;
      const selection = await findRowSelection(client, template, scope.columns, watch);
      return typeof selection === 'string' ? selection : { definitions, digest, selection };
    });
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    return `PostgreSQL refuses it (${error.message})`;
  }
}

/** Nothing travels, and nothing is a word of a topic, but columns that the dataset sends and values of its parameters. */
function notedTable(
  { tableName, condition, columns: all, parameters }: RowSelection,
  { definition, columns: sent }: Dataset,
  { topic, columns }: NotedDataset,
): NotedTable | string {
  const names = sent.map(({ name }) => name);
  const computed = names.find((name) => !all.has(name));
  if (computed !== undefined)
    return `its column ${computed} is not a column of ${tableName} as it is; leave it out, or tell the changes of the table instead, with table:`;
  const unknown = columns.find((name) => !names.includes(name));
  if (unknown !== undefined) return `it has no column ${unknown}${didYouMean(unknown, names)}`;
  const words = topic.map((name) => {
    const [column, parameter] = [names.includes(name) ? all.get(name) : undefined, parameters.get(name)];
    return {
      name,
      column: column ?? parameter,
      isUnclear: column !== undefined && parameter !== undefined && column !== parameter,
    };
  });
  const odd = words.find(({ column, isUnclear }) => column === undefined || isUnclear);
  if (odd?.isUnclear === true)
    return `{${odd.name}} in the topic is both a column of it and a parameter that another column is compared with; give one another name`;
  if (odd !== undefined)
    return `{${odd.name}} in the topic is neither a column of it nor a parameter of its query`;
  for (const [parameter, column] of parameters) {
    if (!words.some((word) => word.column === column))
      return `which rows it has depends on :${parameter}, so the topic must have the word {${parameter}}`;
  }
  return {
    table: tableName,
    topic: words.map(({ column }) => column!),
    key: definition.key,
    columns,
    selection: { condition, columns: Object.fromEntries(names.map((name) => [name, all.get(name)!])) },
  };
}
