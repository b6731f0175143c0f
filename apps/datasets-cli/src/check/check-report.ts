import { DEFAULT_SCHEMA, type TableSchema } from '@rivulet/protocol';
import type { FileProblems } from '@rivulet/datasets';
import { counted, DEFAULT_WIDTH, escapeControls, formatBytes, formatCount, formatTable } from '@rivulet/cli';
import type { CheckedDataset, CheckReport } from './check';

/** The report of a check: first the findings, then the datasets. */
export function checkLines(report: CheckReport, showColumns: boolean, width = DEFAULT_WIDTH): string[] {
  const { findings, datasets, devices } = report;
  const lines = [
    ...problemLines('Mistakes', findings.mistakes),
    ...problemLines('Warnings', findings.warnings),
    ...problemLines('Notes', findings.notes),
  ];
  if (datasets.length > 0) {
    lines.push(...datasetTable(datasets, width), '');
    if (showColumns) lines.push(...datasets.flatMap(columnLines), '');
    lines.push('Devices with equal parameter values share the rows that central reads.');
  }
  if (devices.length > 0) lines.push(`Rows were checked for ${devices.join(', ')}.`);
  if (devices.length > 1 && datasets.length > 0) {
    lines.push(
      'The table shows, for each dataset, the rows and bytes of the device with the most rows among them.',
    );
  }
  if (datasets.length > 0) lines.push('');
  return [...lines, `${report.file}: ${verdict(report)}`];
}

function verdict({ findings, datasets }: CheckReport): string {
  const { mistakes, warnings } = findings;
  if (mistakes.isEmpty && warnings.isEmpty) return `${counted(datasets.length, 'dataset')}, no problems.`;
  return `${counted(mistakes.list.length, 'mistake')}, ${counted(warnings.list.length, 'warning')}.`;
}

function problemLines(title: string, problems: FileProblems): string[] {
  if (problems.isEmpty) return [];
  return [title, ...problems.list.map(({ message }) => escapeControls(message)), ''];
}

function datasetTable(datasets: CheckedDataset[], maxWidth: number): string[] {
  const head = ['dataset', 'mirror', 'key', 'columns', 'rows', 'bytes', 'estimated', 'parameters'];
  const rows = datasets.map(({ dataset, estimate, found, parameters }) => [
    dataset.schema.name,
    mirrorOf(dataset.schema),
    dataset.schema.key.join(', '),
    String(dataset.columns.length),
    found === undefined ? '–' : formatCount(found.rows),
    found === undefined ? '–' : formatBytes(found.bytes),
    estimate === undefined ? '–' : `${formatCount(estimate.rows)}, ${formatBytes(estimate.bytes)}`,
    parameters.map((name) => `:${name}`).join(', ') || 'none',
  ]);
  return formatTable([head, ...rows], { alignments: '<<<>>>><', maxWidth });
}

function mirrorOf({ schema, table }: TableSchema): string {
  return schema === DEFAULT_SCHEMA ? table : `${schema}.${table}`;
}

function columnLines({ dataset }: CheckedDataset): string[] {
  const rows = dataset.columns.map(({ name, type, sourceType, castTo }) => [
    `  ${name}`,
    type,
    castTo === undefined ? '' : `from ${sourceType}`,
  ]);
  return formatTable([[dataset.schema.name, '', ''], ...rows], { alignments: '<<<' });
}

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
