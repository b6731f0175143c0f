import { DEFAULT_SCHEMA, type TableSchema } from '@rivulet/protocol';
import type { FileProblems } from '@rivulet/datasets';
import type { CheckedDataset, CheckReport } from './check';
import type { ExplainedDataset } from './explain';
import type { StarterReport } from './init';
import type { PreviewedDataset, PreviewReport } from './preview';
import { counted, escapeControls, formatBytes, formatCount, formatTable } from '@rivulet/cli';

/** Cells of a line where the output is no terminal. */
const DEFAULT_WIDTH = 160;

/** The lines of a report on a check: what is to be done first, then the datasets. */
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
    lines.push('Devices with the same values of the parameters of a dataset share what is read for it.');
  }
  if (devices.length > 0) lines.push(`Rows were looked at for ${devices.join(', ')}.`);
  if (datasets.length > 0) lines.push('');
  return [...lines, `${report.file}: ${verdict(report)}`];
}

function verdict({ findings, datasets }: CheckReport): string {
  const { mistakes, warnings } = findings;
  if (mistakes.isEmpty && warnings.isEmpty) return `${counted(datasets.length, 'dataset')}, nothing wrong.`;
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

export function previewLines(report: PreviewReport, width = DEFAULT_WIDTH): string[] {
  const { scope, datasets } = report;
  const parameters = [...scope.parameters].map(([name, { type, value }]) => [name, type, value ?? 'NULL']);
  return [
    `${scope.macAddress} is device ${escapeControls(scope.deviceId)}.`,
    '',
    ...formatTable([['parameter', 'type', 'value'], ...parameters], { alignments: '<<<', maxWidth: width }),
    '',
    ...previewTable(datasets, width),
    ...datasets.flatMap((dataset) => sampleLines(dataset, width)),
  ];
}

function previewTable(datasets: PreviewedDataset[], maxWidth: number): string[] {
  const total = (measure: (dataset: PreviewedDataset) => number): number =>
    datasets.reduce((sum, dataset) => sum + measure(dataset), 0);
  return formatTable(
    [
      ['dataset', 'rows', 'size', 'read in'],
      ...datasets.map(({ dataset, rows, bytes, durationMs }) =>
        measureCells(dataset.schema.name, rows, bytes, durationMs),
      ),
      measureCells(
        'total',
        total(({ rows }) => rows),
        total(({ bytes }) => bytes),
        total(({ durationMs }) => durationMs),
      ),
    ],
    { alignments: '<>>>', maxWidth },
  );
}

function measureCells(name: string, rows: number, bytes: number, ms: number): string[] {
  return [name, formatCount(rows), formatBytes(bytes), `${Math.ceil(ms)} ms`];
}

function sampleLines({ dataset, rows, samples, failure }: PreviewedDataset, maxWidth: number): string[] {
  const { name, place, query } = dataset.definition;
  if (failure !== undefined) {
    return [
      '',
      `${place}: dataset ${name} ${escapeControls(failure)}. The device gets nothing until this is mended.`,
    ];
  }
  if (samples.length === 0) return [];
  const head = dataset.columns.map((column) => column.name);
  const more = rows - samples.length;
  const indented = formatTable([head, ...samples.map((row) => row.map(shownValue))], {
    alignments: '<'.repeat(head.length),
    maxWidth: maxWidth - 2,
  }).map((line) => `  ${line}`);
  const rest = more > 0 ? [`  … and ${counted(more, 'more row')}`] : [];
  return ['', `${name}  ${query.placeOf(0)}`, ...indented, ...rest];
}

/** A text that would look like NULL stands in quotes, as PostgreSQL has it within arrays. */
function shownValue(value: string | null): string {
  if (value === null) return 'NULL';
  return value === 'NULL' ? '"NULL"' : value;
}

export function explainLines(explained: ExplainedDataset[]): string[] {
  return explained.flatMap(({ dataset, parameters, plan, judgement }) => [
    `${dataset.schema.name}  ${dataset.definition.query.placeOf(0)}`,
    ...parameters.map((name, index) => `  $${index + 1} is :${name}`),
    '',
    ...plan.map((line) => `  ${escapeControls(line)}`),
    '',
    `  ${judgement}`,
    '',
  ]);
}

/** What is said when a file has been made. */
export function starterLines({ datasets, leftOut, macAddress }: StarterReport, out = 'FILE'): string[] {
  const left = leftOut.length === 0 ? '' : `, ${leftOut.length} left out:`;
  const mac = macAddress === undefined ? '' : ` --mac ${macAddress}`;
  return [
    `${out}: ${counted(datasets, 'dataset')}${left || '.'}`,
    ...leftOut.map(({ table, reason }) => `  ${escapeControls(table.sql)}: ${escapeControls(reason)}`),
    `Next: npm run datasets -- check --file ${out}${mac}`,
  ];
}
