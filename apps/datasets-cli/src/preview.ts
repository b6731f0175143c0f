import {
  copyOut,
  endsSession,
  inTransaction,
  isPostgresError,
  readSource,
  useCanonicalSettings,
  withClient,
} from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { bindQuery, canonicalCopy } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import { type Dataset, resolveScope, type Scope, type ScopeDefinition } from '@rivulet/datasets';
import { CanonicalRowReader } from './canonical-row-reader';
import { loadRightFile } from './right-file';
import { findSampleDevices } from './sample-devices';

export interface PreviewOptions {
  file: string;
  macAddress: string;
  /** Empty for all. */
  datasets: string[];
  sampleRows: number;
  timeoutMs: number;
  maxRowBytes: number;
}

export interface PreviewReport {
  scope: Scope;
  datasets: PreviewedDataset[];
}

export interface PreviewedDataset {
  dataset: Dataset;
  rows: number;
  /** Of the canonical rows. */
  bytes: number;
  durationMs: number;
  /** The first rows, each column as PostgreSQL writes it; null for NULL. */
  samples: (string | null)[][];
  /** Why the rows cannot be sent. */
  failure: string | undefined;
}

const SUGGESTED_DEVICES = 5;

/**
 * Reads what a device would get, in the way and at one moment as central does. The file must be without mistakes.
 *
 * @throws RivuletError DATASETS_FILE_INVALID · DEVICE_UNKNOWN · DEVICE_INACTIVE · SCOPE_AMBIGUOUS · DATASET_QUERY_FAILED
 */
export async function previewDevice(source: Pool, options: PreviewOptions): Promise<PreviewReport> {
  const { scope: definition, datasets } = await loadRightFile(options.file, source, options.datasets);
  return withClient(source, (client) =>
    inTransaction(client, readSource(options.timeoutMs), async () => {
      await useCanonicalSettings(client);
      const scope = await scopeOf(client, definition, options.macAddress);
      const previewed: PreviewedDataset[] = [];
      for (const dataset of datasets) {
        previewed.push(await previewDataset(client, dataset, scope, options));
      }
      return { scope, datasets: previewed };
    }),
  );
}

/** The scope of a device, or an error that says which devices there are. */
export async function scopeOf(
  client: ClientBase,
  definition: ScopeDefinition,
  macAddress: string,
): Promise<Scope> {
  try {
    return await resolveScope(client, definition, macAddress);
  } catch (error) {
    if (!(error instanceof RivuletError) || error.code !== 'DEVICE_UNKNOWN') throw error;
    const { scopes } = await findSampleDevices(client, definition, SUGGESTED_DEVICES);
    const known = scopes.map((scope) => scope.macAddress).join(', ');
    const place = definition.query.placeOf(0);
    throw new RivuletError('DEVICE_UNKNOWN', `The scope query at ${place} finds no device ${macAddress}.`, {
      nextStep:
        known === ''
          ? 'Compare the address with those in your table: it is in lower case, with colons.'
          : `It finds ${known}.`,
    });
  }
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

/** A COPY that fails takes its connection with it, so that there is nothing to go on with. */
function explainRefusal(error: unknown, { definition }: Dataset, macAddress: string): unknown {
  if (!isPostgresError(error) || endsSession(error)) return error;
  const place = definition.query.placeOf(0);
  return new RivuletError(
    'DATASET_QUERY_FAILED',
    `${place}: dataset ${definition.name} cannot be read for ${macAddress}: ${error.message}.`,
  );
}
