import { RivuletError } from '@rivulet/errors';
import { FRAME_HEADER_BYTES, freeMemory, RowError, TableHasher, type Chunk } from '@rivulet/protocol';
import { formatByteSize } from '@rivulet/platform';
import { endsSession, isConflict, isPostgresError, sqlState } from '@rivulet/postgres';
import { findRepeatedKey, readChunks, type DescribedColumn, type RowSource } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import type { Dataset } from '@rivulet/datasets';
import type { BoundDataset } from './bound-dataset';
import type { ChunkStore } from './chunk-store';
import type { Snapshot } from './snapshot';

/** The chunks of a snapshot, in order. */
interface ChunkList {
  digests: Buffer[];
  lastKeys: string[];
}

const READS_ONLY =
  'A dataset only reads: take what writes out of its query, and out of the functions that it calls.';

const RAISE_THE_LIMIT =
  'Leave the large column out of the dataset, or split it; or raise CENTRAL_MAX_ROW_BYTES here, and ' +
  'EDGE_MAX_ROW_BYTES on the devices.';

const ONE_TEXT =
  'Cast the key in the query so that equal values have one text, as in n::numeric(12,2), or remove the duplicates.';

/** Chunks that are compressed and stored in one go. */
const BATCH_BYTES = 1024 * 1024;

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
  let batch: Chunk[] = [];
  let batchBytes = 0;
  let storing = Promise.resolve();
  const storeBatch = async (): Promise<void> => {
    const full = batch;
    batch = [];
    batchBytes = 0;
    await storing;
    storing = store.add(full).then(() => full.forEach(({ content }) => freeMemory(content)));
    // It is awaited with the next batch; until then a failure must not count as unhandled.
    storing.catch(() => undefined);
  };
  try {
    for await (const chunk of readDatasetChunks(client, dataset, source, maxRowBytes)) {
      hasher.add(chunk);
      list.digests.push(chunk.digest);
      list.lastKeys.push(chunk.lastKey);
      batch.push(chunk);
      batchBytes += chunk.bytes;
      if (batchBytes >= BATCH_BYTES) await storeBatch();
    }
    if (batch.length > 0) await storeBatch();
  } catch (error) {
    await storing.catch(() => undefined);
    throw error;
  }
  await storing;
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

/** Says which dataset is to blame, and where in the file it stands. */
export function cannotBeRead(error: unknown, dataset: Dataset, maxRowBytes: number): unknown {
  const { name, key, place } = dataset.definition;
  const what = `${place}: dataset ${name}`;
  const columns = key.join(', ');
  if (error instanceof RowError) {
    const shownKey = error.key.replaceAll('\t', ', ');
    switch (error.problem) {
      case 'key-null':
        return new RivuletError(
          'DATASET_KEY_NULL',
          `${what} has a NULL in its key (${columns}): ${shownKey}.`,
        );
      case 'key-not-unique':
        return new RivuletError(
          'DATASET_KEY_NOT_UNIQUE',
          `${what} has two rows with the key (${columns}) = ${shownKey}.`,
        );
      default:
        return new RivuletError(
          'ROW_TOO_LARGE',
          `${what} has a row of more than ${formatByteSize(maxRowBytes)} at (${columns}) = ${shownKey}.`,
          { nextStep: RAISE_THE_LIMIT },
        );
    }
  }
  if (!isPostgresError(error) || endsSession(error)) return error;
  const message = `${what} cannot be read: ${error.message}.`;
  if (isConflict(error)) {
    return new RivuletError('SERVER_BUSY', message, { cause: error });
  }
  return new RivuletError('DATASET_QUERY_FAILED', message, {
    cause: error,
    ...(error.code === sqlState.readOnlyTransaction && { nextStep: READS_ONLY }),
  });
}

/** Enters the snapshot under its checksum, unless the same content is there already. */
async function recordSnapshot(
  database: DataSource,
  dataset: Dataset,
  content: { rows: number; bytes: number; checksum: string },
  list: ChunkList,
): Promise<{ snapshotId: number; wireBytes: number }> {
  const parameters = [
    content.checksum,
    dataset.schema.name,
    content.rows,
    content.bytes,
    list.digests,
    FRAME_HEADER_BYTES,
    list.lastKeys,
  ];
  const [inserted] = await database.query<SnapshotRow[]>(insertSnapshot, parameters);
  if (inserted !== undefined) return toNumbers(inserted);
  const [existing] = await database.query<SnapshotRow[]>(
    'SELECT snapshot_id AS "snapshotId", wire_bytes AS "wireBytes" FROM rivulet.snapshots WHERE checksum = $1',
    [content.checksum],
  );
  return toNumbers(existing!);
}

interface SnapshotRow {
  snapshotId: string;
  wireBytes: string;
}

function toNumbers(row: SnapshotRow): { snapshotId: number; wireBytes: number } {
  return { snapshotId: Number(row.snapshotId), wireBytes: Number(row.wireBytes) };
}

/** The length of a block is read from its TOAST pointer, not from the block. */
const insertSnapshot = `
WITH listed AS (
  SELECT position - 1 AS position, digest, content_bytes, last_key, octet_length(block) AS block_bytes
  FROM unnest($5::bytea[], $7::text[]) WITH ORDINALITY AS chunk (digest, last_key, position)
  JOIN rivulet.chunks USING (digest)
), snapshot AS (
  INSERT INTO rivulet.snapshots (checksum, dataset, rows, bytes, wire_bytes)
  SELECT $1, $2, $3, $4, (SELECT coalesce(sum(block_bytes + $6::int), 0) FROM listed)
  ON CONFLICT (checksum) DO NOTHING
  RETURNING snapshot_id, wire_bytes
), chunks AS (
  INSERT INTO rivulet.snapshot_chunks (snapshot_id, position, digest, content_bytes, last_key)
  SELECT snapshot_id, position, digest, content_bytes, last_key FROM snapshot, listed
)
SELECT snapshot_id AS "snapshotId", wire_bytes AS "wireBytes" FROM snapshot`;
