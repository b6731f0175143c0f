import {
  copyOut,
  isInterruption,
  inTransaction,
  isPostgresError,
  readSource,
  withClient,
} from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { bindQuery, canonicalCopy } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import { cureForReading, type Dataset, type Scope } from '@rivulet/datasets';
import type { CommandProgress } from '../progress/command-progress';
import { CanonicalRowReader } from './canonical-row-reader';
import { loadSelectedDatasets } from '../source/selected-datasets';
import { scopeOf } from '../source/device-scope';

export interface PreviewOptions {
  file: string;
  macAddress: string;
  /** Empty for all. */
  datasets: string[];
  sampleRows: number;
  timeoutMs: number;
  maxRowBytes: number;
  progress?: CommandProgress;
}

export interface PreviewReport {
  scope: Scope;
  datasets: PreviewedDataset[];
}

export interface PreviewedDataset {
  dataset: Dataset;
  rows: number;
  /** Size of the canonical rows. */
  bytes: number;
  durationMs: number;
  /** The first rows, with values as PostgreSQL prints them; null for NULL. */
  samples: (string | null)[][];
  /** Why central cannot send the rows; undefined if it can. */
  failure: string | undefined;
}

/**
 * Reads what a device would get from one snapshot, as central does. The file must have no mistakes.
 *
 * @throws RivuletError DATASETS_FILE_INVALID · DEVICE_UNKNOWN · DEVICE_INACTIVE · SCOPE_AMBIGUOUS · DATASET_QUERY_FAILED
 */
export async function previewDevice(source: Pool, options: PreviewOptions): Promise<PreviewReport> {
  const { progress } = options;
  progress?.stage('Describing queries');
  const { scope: definition, datasets } = await loadSelectedDatasets(options.file, source, options.datasets);
  progress?.stage('Reading rows');
  return withClient(source, (client) =>
    inTransaction(client, readSource(options.timeoutMs), async () => {
      const scope = await scopeOf(client, source, definition, options.macAddress);
      const previewed: PreviewedDataset[] = [];
      for (const [index, dataset] of datasets.entries()) {
        progress?.update(index, datasets.length, dataset.schema.name);
        previewed.push(await previewDataset(client, dataset, scope, options));
      }
      return { scope, datasets: previewed };
    }),
  );
}

async function previewDataset(
  client: ClientBase,
  dataset: Dataset,
  scope: Scope,
  { sampleRows, maxRowBytes }: PreviewOptions,
): Promise<PreviewedDataset> {
  const startedAt = performance.now();
  const reader = new CanonicalRowReader(dataset, sampleRows, maxRowBytes);
  try {
    const { definition, columns } = dataset;
    const boundQuery = bindQuery(definition.query.template, scope.parameters);
    const copy = canonicalCopy({ boundQuery, columns, keyColumns: definition.key.length });
    for await (const buffer of copyOut(client, copy)) reader.push(buffer);
    reader.end();
  } catch (error) {
    throw explainRefusal(error, dataset, scope.macAddress);
  }
  const { rows, bytes, samples } = reader;
  const durationMs = performance.now() - startedAt;
  return { dataset, rows, bytes, durationMs, samples, failure: reader.failure };
}

/** Explains a failed COPY. It ends the connection, so the preview cannot continue. */
function explainRefusal(error: unknown, { definition }: Dataset, macAddress: string): unknown {
  if (!isPostgresError(error) || isInterruption(error)) return error;
  const place = definition.query.placeOf(0);
  const nextStep = cureForReading(error);
  return new RivuletError(
    'DATASET_QUERY_FAILED',
    `${place}: dataset ${definition.name} cannot be read for ${macAddress}: ${error.message}.`,
    { ...(nextStep !== undefined && { nextStep }) },
  );
}
