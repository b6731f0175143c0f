import { createHash } from 'node:crypto';
import { bindQuery, canonicalCopy, type Parameters, type RowSource } from '@rivulet/snapshot';
import type { ChangeDetection } from '../source/change-detection/change-detection';
import { versionKeysOf } from '../source/change-detection/version-keys';
import type { Dataset, DatasetCatalogue } from '@rivulet/datasets';

/** A dataset for one scope: what is read, and what tells whether that must be done again. */
export interface BoundDataset {
  dataset: Dataset;
  source: RowSource;
  /** Names and types, with which the query was described. */
  parameters: Parameters;
  /** Two scopes with equal values for the parameters that the query uses have the same key. Lower-case hex. */
  cacheKey: string;
  /** The keys of the versions that its rows depend on: of tables, and of values in them. */
  relations: string[];
  /** How all is defined that it reads. */
  definition: string;
  /** Whether its rows can change without one of these, so that they are read again after an interval. */
  polled: boolean;
}

/**
 * Binds all datasets to a scope.
 *
 * A manifest is one moment of the source across its tables. Rows that are watched are those of now, and so belong
 * together. Polled rows are those of the moment at which they were read: they go with others only while nothing of
 * the whole manifest has changed since, and with polled rows that were read for the same list of datasets.
 *
 * @param origin the source, as no version of a table says which it was that polled rows came from
 */
export function bindDatasets(
  { datasets, scope }: Pick<DatasetCatalogue, 'datasets' | 'scope'>,
  parameters: Parameters,
  changes: ChangeDetection,
  origin: string,
): BoundDataset[] {
  const sources = datasets.map(({ definition, columns }): RowSource => {
    const boundQuery = bindQuery(definition.query.template, parameters);
    return { boundQuery, columns, keyColumns: definition.key.length };
  });
  const statements = sources.map(canonicalCopy);
  const watches = datasets.map(({ queryId }) => changes.watchOf(queryId));
  const keys = watches.map((watch) => versionKeysOf(watch, parameters));
  const all = {
    relations: [...new Set(keys.flat())],
    definition: createHash('sha256')
      .update(watches.map((watch) => watch.definition).join(' '))
      .digest('hex'),
  };
  return datasets.map((dataset, index) => {
    const polled = watches[index]!.polled !== undefined;
    const identity = [dataset.fingerprint, statements[index]!, ...(polled ? [origin, ...statements] : [])];
    return {
      dataset,
      source: sources[index]!,
      parameters: scope.columns,
      cacheKey: createHash('sha256').update(JSON.stringify(identity)).digest('hex'),
      ...(polled ? all : { relations: keys[index]!, definition: watches[index]!.definition }),
      polled,
    };
  });
}
