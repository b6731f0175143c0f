import { createHash } from 'node:crypto';
import { bindQuery, canonicalCopy, type Parameters, type RowSource } from '@rivulet/snapshot';
import type { ChangeDetection, QueryWatch } from '../source/change-detection/change-detection';
import { versionKeysOf } from '../source/change-detection/version-keys';
import type { Dataset, DatasetCatalogue } from '@rivulet/datasets';

/** A dataset for one scope: what is read, and what tells whether that must be done again. */
export interface BoundDataset {
  dataset: Dataset;
  /** Created each time: only the values of waiting scopes are kept. */
  readonly source: RowSource;
  /** The values of the scope. */
  values: Parameters;
  /** Names and types, with which the query was described. */
  parameters: Parameters;
  /** Two scopes with equal values for the parameters that the query uses have the same key. Lower-case hex. */
  cacheKey: string;
  /** Equal for what one statement returns at one moment, of polled rows, too. */
  statementKey: string;
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
  values: Parameters,
  changes: ChangeDetection,
  origin: string,
): BoundDataset[] {
  const statementKeys = datasets.map((dataset) =>
    digestOf([dataset.fingerprint, canonicalCopy(sourceOf(dataset, values))]),
  );
  const watches = datasets.map(({ queryId }) => changes.watchOf(queryId));
  const keys = watches.map((watch) => versionKeysOf(watch, values));
  const isPolled = watches.some(({ polled }) => polled !== undefined);
  const whole = isPolled ? wholeOf(watches, keys, [origin, ...statementKeys]) : undefined;
  return datasets.map((dataset, index) => {
    const statementKey = statementKeys[index]!;
    const { polled, definition } = watches[index]!;
    const depends =
      whole === undefined || polled === undefined
        ? { cacheKey: statementKey, relations: keys[index]!, definition, polled: false }
        : { ...whole, cacheKey: digestOf([statementKey, whole.manifest]), polled: true };
    return new DatasetOfScope(dataset, values, scope.columns, statementKey, depends);
  });
}

/** What polled rows go with. */
function wholeOf(
  watches: QueryWatch[],
  keys: string[][],
  names: string[],
): { manifest: string; relations: string[]; definition: string } {
  const definitions = watches.map(({ definition }) => definition).join(' ');
  return {
    manifest: digestOf(names),
    relations: [...new Set(keys.flat())],
    definition: createHash('sha256').update(definitions).digest('hex'),
  };
}

/** Thousands wait at once. An object that says how its source is made takes several times the memory. */
class DatasetOfScope implements BoundDataset {
  readonly cacheKey: string;
  readonly relations: string[];
  readonly definition: string;
  readonly polled: boolean;

  constructor(
    readonly dataset: Dataset,
    readonly values: Parameters,
    readonly parameters: Parameters,
    readonly statementKey: string,
    depends: Pick<BoundDataset, 'cacheKey' | 'relations' | 'definition' | 'polled'>,
  ) {
    this.cacheKey = depends.cacheKey;
    this.relations = depends.relations;
    this.definition = depends.definition;
    this.polled = depends.polled;
  }

  get source(): RowSource {
    return sourceOf(this.dataset, this.values);
  }
}

function sourceOf({ definition, columns }: Dataset, values: Parameters): RowSource {
  const boundQuery = bindQuery(definition.query.template, values);
  return { boundQuery, columns, keyColumns: definition.key.length };
}

function digestOf(parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
