import type { Dataset } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import { TableHasher } from '@rivulet/protocol';
import { findRepeatedKey, readChunks, readScopes, type RowSource, type ScopeChunk } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { BoundDataset } from '../bound-dataset';
import type { ChunkStore } from '../chunk-store';
import { ChunkBatches } from './chunk-batches';
import { cannotBeRead } from './dataset-failure';
import type { ReadContent } from './record-snapshots';

const ONE_TEXT =
  'Cast the key in the query so that equal values have one text, as in n::numeric(12,2), or remove the duplicates.';

/**
 * Reads one dataset for some scopes, in one statement where that is possible, and stores its chunks. `client` is in the
 * transaction whose moment the contents show. While PostgreSQL sends the next rows, one batch of chunks is being compressed
 * and stored; no more is held.
 *
 * @returns one content for each scope, in order
 * @throws RivuletError DATASET_… when the query or the rows of a scope are at fault
 */
export async function readContents(
  client: ClientBase,
  scopes: BoundDataset[],
  store: ChunkStore,
  maxRowBytes: number,
): Promise<ReadContent[]> {
  const { dataset } = scopes[0]!;
  const contents = scopes.map(() => ({
    hasher: new TableHasher(dataset.fingerprint),
    digests: [] as Buffer[],
    lastKeys: [] as string[],
  }));
  const batches = new ChunkBatches(store);
  try {
    for await (const { scope, chunk } of readDatasetChunks(client, dataset, scopes, maxRowBytes)) {
      const { hasher, digests, lastKeys } = contents[scope]!;
      hasher.add(chunk);
      digests.push(chunk.digest);
      lastKeys.push(chunk.lastKey);
      await batches.add(chunk);
    }
    await batches.finish();
  } catch (error) {
    await batches.abandon();
    throw error;
  }
  return contents.map(({ hasher, digests, lastKeys }) => ({
    dataset,
    ...hasher.finish(),
    digests,
    lastKeys,
  }));
}

async function* readDatasetChunks(
  client: ClientBase,
  dataset: Dataset,
  scopes: BoundDataset[],
  maxRowBytes: number,
): AsyncGenerator<ScopeChunk, void> {
  try {
    if (scopes.length === 1 || dataset.alone !== undefined) yield* readEach(client, scopes, maxRowBytes);
    else {
      const { columns, definition } = dataset;
      const values = scopes.map((scope) => scope.values);
      const source = {
        template: definition.query.template,
        columns,
        keyColumns: definition.key.length,
        scopes: values,
      };
      yield* readScopes(client, source, { maxRowBytes });
    }
  } catch (error) {
    throw cannotBeRead(error, dataset, maxRowBytes);
  }
}

async function* readEach(
  client: ClientBase,
  scopes: BoundDataset[],
  maxRowBytes: number,
): AsyncGenerator<ScopeChunk, void> {
  for (const [scope, { dataset, source }] of scopes.entries()) {
    if (hasManyTexts(source)) await refuseEqualKeys(client, dataset, source);
    for await (const chunk of readChunks(client, source, { maxRowBytes })) yield { scope, chunk };
  }
}

function hasManyTexts({ columns, keyColumns }: RowSource): boolean {
  return columns.slice(0, keyColumns).some(({ equalInManyTexts }) => equalInManyTexts);
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
