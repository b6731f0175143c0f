import type { FileProblems } from '@rivulet/datasets';
import type { CheckReport } from './check';
import type { ExplainedDataset } from './explain';
import type { PreviewReport } from './preview';

export function checkJson({ file, findings, datasets, devices }: CheckReport): object {
  return {
    file,
    mistakes: problemsJson(findings.mistakes),
    warnings: problemsJson(findings.warnings),
    notes: problemsJson(findings.notes),
    devices,
    datasets: datasets.map(({ dataset, parameters, estimate, found }) => ({
      ...dataset.schema,
      parameters,
      estimate: estimate ?? null,
      found: found === undefined ? null : { rows: found.rows, bytes: found.bytes },
    })),
  };
}

function problemsJson(problems: FileProblems): object[] {
  return problems.list.map(({ place, problem }) => ({ place, problem }));
}

export function previewJson({ scope, datasets }: PreviewReport): object {
  return {
    macAddress: scope.macAddress,
    deviceId: scope.deviceId,
    parameters: Object.fromEntries(scope.parameters),
    datasets: datasets.map(({ dataset, rows, bytes, durationMs, samples, failure }) => ({
      name: dataset.schema.name,
      rows,
      bytes,
      durationMs,
      columns: dataset.columns.map(({ name }) => name),
      samples,
      failure: failure ?? null,
    })),
  };
}

export function explainJson(explained: ExplainedDataset[]): object {
  return explained.map(({ dataset, parameters, plan, judgement }) => ({
    name: dataset.schema.name,
    parameters,
    plan,
    judgement,
  }));
}
