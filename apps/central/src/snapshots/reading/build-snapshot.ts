import type { Dataset } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { TableHasher, type Chunk } from '@rivulet/protocol';
import { findRepeatedKey, readChunks, type DescribedColumn, type RowSource } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import type { BoundDataset } from '../bound-dataset';
import { ChunkBatches } from './chunk-batches';
import type { ChunkStore } from '../chunk-store';
import { cannotBeRead } from './dataset-failure';
import { recordSnapshot, type ChunkList } from './record-snapshot';
import type { Snapshot } from '../snapshot';

const ONE_TEXT =
  'Cast the key in the query so that equal values have one text, as in n::numeric(12,2), or remove the duplicates.';

/**
 * Reads a dataset for one scope and stores its chunks. `client` is in the transaction whose moment the snapshot
 * shows. While PostgreSQL sends the next rows, one batch is being compressed and stored; no more is held.
 */
export async function buildSnapshot(
  client: ClientBase,
  { dataset, source }: BoundDataset,
  store: ChunkStore,
  database: DataSource,
  maxRowBytes: number,
): Promise<Snapshot> {
  const hasher = new TableHasher(dataset.fingerprint);
  const list: ChunkList = { digests: [], lastKeys: [] };
  const batches = new ChunkBatches(store);
  try {
    for await (const chunk of readDatasetChunks(client, dataset, source, maxRowBytes)) {
      hasher.add(chunk);
      list.digests.push(chunk.digest);
      list.lastKeys.push(chunk.lastKey);
      await batches.add(chunk);
    }
    await batches.finish();
  } catch (error) {
    await batches.abandon();
    throw error;
  }
  const content = hasher.finish();
  const { snapshotId, wireBytes } = await recordSnapshot(database, dataset, content, list);
  return { ...content, snapshotId, dataset, wireBytes };
}

async function* readDatasetChunks(
  client: ClientBase,
  dataset: Dataset,
  source: RowSource,
  maxRowBytes: number,
): AsyncGenerator<Chunk, void> {
  try {
    if (keyOf(source).some(({ equalInManyTexts }) => equalInManyTexts)) {
      await refuseEqualKeys(client, dataset, source);
    }
    yield* readChunks(client, source, { maxRowBytes });
  } catch (error) {
    throw cannotBeRead(error, dataset, maxRowBytes);
  }
}

function keyOf({ columns, keyColumns }: RowSource): DescribedColumn[] {
  return columns.slice(0, keyColumns);
}

/**
 * Keys that PostgreSQL calls equal although their texts differ, which the edge's primary key would refuse. Where all
 * equal keys have one text, reading the rows finds them by itself.
 */
async function refuseEqualKeys(client: ClientBase, dataset: Dataset, source: RowSource): Promise<void> {
  const repeated = await findRepeatedKey(client, source);
  if (repeated === undefined) return;
  const { name, key, place } = dataset.definition;
  const texts = repeated.texts.join(', ');
  const lastTexts = repeated.lastTexts.join(', ');
  const equal = texts === lastTexts ? '' : `, which PostgreSQL calls equal to ${lastTexts}`;
  throw new RivuletError(
    'DATASET_KEY_NOT_UNIQUE',
    `${place}: dataset ${name} has ${repeated.rows} rows with the key (${key.join(', ')}) = ${texts}${equal}.`,
    equal === '' ? {} : { nextStep: ONE_TEXT },
  );
}
