import { counted, DEFAULT_WIDTH, escapeControls, formatBytes, formatCount, formatTable } from '@rivulet/cli';
import type { PreviewedDataset, PreviewReport } from './preview';

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
      `${place}: dataset ${name} ${escapeControls(failure)}. The device gets nothing until this is fixed.`,
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

/** Quotes a text that would look like NULL, as PostgreSQL does in arrays. */
function shownValue(value: string | null): string {
  if (value === null) return 'NULL';
  return value === 'NULL' ? '"NULL"' : value;
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
