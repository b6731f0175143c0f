import { escapeControls } from '@rivulet/cli';
import type { ExplainedDataset } from './explain';

export function explainLines(explained: ExplainedDataset[]): string[] {
  return explained.flatMap(({ dataset, parameters, plan, summary, polledBecause }) => [
    `${dataset.schema.name}  ${dataset.definition.query.placeOf(0)}`,
    ...parameters.map((name, index) => `  $${index + 1} is :${name}`),
    '',
    ...plan.map((line) => `  ${escapeControls(line)}`),
    '',
    `  ${summary}`,
    polledBecause === undefined
      ? '  Its changes are detected.'
      : `  Its changes cannot all be detected: ${polledBecause}. It is re-read after each CENTRAL_POLL_INTERVAL.`,
    '',
  ]);
}

export function explainJson(explained: ExplainedDataset[]): object {
  return explained.map(({ dataset, parameters, plan, summary, polledBecause }) => ({
    name: dataset.schema.name,
    parameters,
    plan,
    summary,
    ...(polledBecause !== undefined && { polledBecause }),
  }));
}
