import { inTransaction, readSource, withClient } from '@rivulet/postgres';
import type { Parameters } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import { changedKeyOf, type ChangedKey, type Dataset, type TableTracking } from '@rivulet/datasets';
import { adviseOnSort } from '../plan/sort-advice';
import { scopeOf } from '../source/device-scope';
import type { CommandProgress } from '../progress/command-progress';
import { readWatches } from '../source/read-watches';
import { counted } from '@rivulet/cli';
import {
  datasetStatement,
  explain,
  parameterNames,
  planOf,
  sortedRows,
  type PlanNode,
} from '../plan/query-plan';
import { loadSelectedDatasets } from '../source/selected-datasets';

export interface ExplainOptions {
  file: string;
  /** The device whose values are used as parameters; without one the plan is for any device. */
  macAddress: string | undefined;
  /** Empty for all. */
  datasets: string[];
  /** Runs the query. */
  analyze: boolean;
  timeoutMs: number;
  progress?: CommandProgress;
}

export interface ExplainedDataset {
  dataset: Dataset;
  /** The parameters that `$1` … stand for. */
  parameters: string[];
  /** As PostgreSQL prints it. */
  plan: string[];
  /** Whether the query sorts, and the index that would avoid it: one sentence. */
  summary: string;
  /** Why it is read again after an interval, as not all that changes its result can be watched. */
  polledBecause: string | undefined;
  /** Which changes of its tables have it read again. */
  tracking: TableTracking[];
  /** By which columns its changed rows are found, so that the rest need not be read again; or why it must be. */
  changedKey: ChangedKey | string;
}

/** Explains each dataset with the plan of the statement that central reads it with. */
export async function explainDatasets(source: Pool, options: ExplainOptions): Promise<ExplainedDataset[]> {
  const { progress } = options;
  progress?.stage('Describing queries');
  const { scope: definition, datasets } = await loadSelectedDatasets(options.file, source, options.datasets);
  progress?.stage('Finding what queries depend on');
  const watches = await readWatches(
    source,
    datasets.map(({ definition: { query } }) => ({
      template: query.template,
      parameters: definition.columns,
    })),
    (index) => progress?.update(index + 1, datasets.length),
  );
  progress?.stage('Explaining queries');
  return withClient(source, (client) =>
    inTransaction(client, readSource(options.timeoutMs), async () => {
      const { macAddress, analyze } = options;
      const scope =
        macAddress === undefined ? undefined : await scopeOf(client, source, definition, macAddress);
      const explained: ExplainedDataset[] = [];
      for (const [index, dataset] of datasets.entries()) {
        progress?.update(index, datasets.length, dataset.schema.name);
        const plans = await explainDataset(client, dataset, definition.columns, scope?.parameters, analyze);
        const { polled: polledBecause, tracking, rowScan } = watches[index]!;
        const key = dataset.columns.slice(0, dataset.definition.key.length);
        const changedKey = typeof rowScan === 'string' ? rowScan : changedKeyOf(rowScan, key);
        explained.push({ ...plans, polledBecause, tracking, changedKey });
      }
      return explained;
    }),
  );
}

async function explainDataset(
  client: ClientBase,
  dataset: Dataset,
  unbound: Parameters,
  bound: Parameters | undefined,
  analyze: boolean,
): Promise<Omit<ExplainedDataset, 'polledBecause' | 'tracking' | 'changedKey'>> {
  const explainable = datasetStatement(dataset, bound ?? unbound, bound !== undefined);
  const generic = await planOf(client, datasetStatement(dataset, unbound, false));
  return {
    dataset,
    parameters: explainable.isGeneric ? parameterNames(dataset.definition.query.template) : [],
    plan: await explain(client, explainable, analyze ? ['ANALYZE'] : []),
    summary: await describeSort(client, dataset, unbound, generic, await planOf(client, explainable)),
  };
}

async function describeSort(
  client: ClientBase,
  dataset: Dataset,
  parameters: Parameters,
  generic: PlanNode,
  plan: PlanNode,
): Promise<string> {
  const rows = sortedRows(plan);
  if (rows === undefined) return 'This query needs no sort.';
  const advice = await adviseOnSort(client, dataset, parameters, generic, rows);
  return `${upperFirst(advice ?? `this query sorts ${counted(rows, 'row')}`)}.`;
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
