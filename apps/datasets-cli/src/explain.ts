import { inTransaction, readSource, useCanonicalSettings, withClient } from '@rivulet/postgres';
import type { Parameters } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import type { Dataset } from '@rivulet/datasets';
import { UNREMARKABLE_SORT_ROWS } from './dataset-cautions';
import { adviseOnOrder } from './order-advice';
import { scopeOf } from './preview';
import { formatCount } from '@rivulet/cli';
import {
  allNodes,
  datasetStatement,
  explain,
  keyOrderOf,
  parameterNames,
  planOf,
  type PlanNode,
} from './query-plan';
import { loadRightFile } from './right-file';

export interface ExplainOptions {
  file: string;
  /** Whose values stand for the parameters; without one the plan is that for any device. */
  macAddress: string | undefined;
  /** Empty for all. */
  datasets: string[];
  /** Runs the query. */
  analyze: boolean;
  timeoutMs: number;
}

export interface ExplainedDataset {
  dataset: Dataset;
  /** What `$1` … stand for. */
  parameters: string[];
  /** As PostgreSQL prints it. */
  plan: string[];
  judgement: string;
}

/** How PostgreSQL reads each dataset: the plan of the statement that central reads it with. */
export async function explainDatasets(source: Pool, options: ExplainOptions): Promise<ExplainedDataset[]> {
  const { scope: definition, datasets } = await loadRightFile(options.file, source, options.datasets);
  return withClient(source, (client) =>
    inTransaction(client, readSource(options.timeoutMs), async () => {
      await useCanonicalSettings(client);
      const { macAddress, analyze } = options;
      const scope = macAddress === undefined ? undefined : await scopeOf(client, definition, macAddress);
      const explained: ExplainedDataset[] = [];
      for (const dataset of datasets) {
        explained.push(await explainDataset(client, dataset, definition.columns, scope?.parameters, analyze));
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
): Promise<ExplainedDataset> {
  const explainable = datasetStatement(dataset, bound ?? unbound, bound !== undefined);
  const generic = await planOf(client, datasetStatement(dataset, unbound, false));
  return {
    dataset,
    parameters: explainable.isGeneric ? parameterNames(dataset.definition.query.template) : [],
    plan: await explain(client, explainable, analyze ? ['ANALYZE'] : []),
    judgement: await judge(client, dataset, unbound, generic, await planOf(client, explainable)),
  };
}

async function judge(
  client: ClientBase,
  dataset: Dataset,
  unbound: Parameters,
  generic: PlanNode,
  plan: PlanNode,
): Promise<string> {
  const order = keyOrderOf(plan);
  const scanned = allNodes(plan)
    .filter((node) => node['Node Type'] === 'Seq Scan' && node['Plan Rows'] > UNREMARKABLE_SORT_ROWS)
    .map((node) => `${node['Relation Name']} (${formatCount(node['Plan Rows'])} rows)`);
  const reading = scanned.length === 0 ? '' : ` It reads all of ${scanned.join(' and ')}.`;
  if (order.by === 'index') return `The index ${order.index} gives the order of the key.${reading}`;
  if (order.by === 'other') return `Needs no sort (${order.node}).${reading}`;
  const sorts = `Sorts about ${formatCount(order.rows)} rows by the key`;
  if (order.rows <= UNREMARKABLE_SORT_ROWS) return `${sorts}, which is a matter of milliseconds.${reading}`;
  const advice = await adviseOnOrder(client, dataset, unbound, generic);
  switch (advice.kind) {
    case 'create-index':
      return `${sorts}. This index would spare that: ${advice.statement}.${reading}`;
    case 'has-index':
      return `${sorts}: there is an index with that order, and PostgreSQL finds this cheaper.${reading}`;
    default:
      return `${sorts}. No index can spare that, because ${advice.reason}.${reading}`;
  }
}
