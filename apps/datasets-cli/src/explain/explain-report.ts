import { escapeControls } from '@rivulet/cli';
import { conditionsOf, type ChangedKey, type TableTracking } from '@rivulet/datasets';
import type { ExplainedDataset } from './explain';

export function explainLines(explained: ExplainedDataset[]): string[] {
  return explained.flatMap(({ dataset, parameters, plan, summary, polledBecause, tracking, changedKey }) => [
    `${dataset.schema.name}  ${dataset.definition.query.placeOf(0)}`,
    ...parameters.map((name, index) => `  $${index + 1} is :${name}`),
    '',
    ...plan.map((line) => `  ${escapeControls(line)}`),
    '',
    `  ${summary}`,
    ...(polledBecause === undefined
      ? [
          '  Its changes are detected:',
          ...tracking.flatMap(trackingLines),
          `  ${escapeControls(rereadOf(changedKey))}`,
        ]
      : [
          `  Its changes cannot all be detected: ${polledBecause}. It is re-read after each CENTRAL_POLL_INTERVAL.`,
        ]),
    ...(dataset.alone === undefined ? [] : [`  It is read scope by scope: ${dataset.alone}.`]),
    '',
  ]);
}

/** A change of a table makes central read the dataset again for the devices whose parameters meet a condition, or for all. */
function trackingLines({ name, columns, reason }: TableTracking): string[] {
  const how =
    columns === undefined ? `whole table: ${reason}` : `by parameter: ${conditionsOf(columns).join(' or ')}`;
  return [`    ${name}  ${escapeControls(how)}`];
}

function rereadOf(changedKey: ChangedKey | string): string {
  return typeof changedKey === 'string'
    ? `After a change all of it is re-read: ${changedKey}.`
    : `After a change only the chunks with changed rows are re-read, by key (${changedKey.names.join(', ')}), once it is large enough.`;
}

export function explainJson(explained: ExplainedDataset[]): object {
  return explained.map(({ dataset, parameters, plan, summary, polledBecause, tracking, changedKey }) => ({
    name: dataset.schema.name,
    parameters,
    plan,
    summary,
    ...(polledBecause === undefined
      ? { tracking: tracking.map(trackingJson), reread: rereadJson(changedKey) }
      : { polledBecause }),
    ...(dataset.alone !== undefined && { readAloneBecause: dataset.alone }),
  }));
}

function trackingJson({ name, columns, reason }: TableTracking): object {
  return columns === undefined
    ? { table: name, by: 'table', reason }
    : { table: name, by: 'parameter', conditions: conditionsOf(columns) };
}

function rereadJson(changedKey: ChangedKey | string): object {
  return typeof changedKey === 'string'
    ? { by: 'dataset', reason: changedKey }
    : { by: 'key', key: changedKey.names };
}
