import { setImmediate } from 'node:timers/promises';
import {
  compareRows,
  freeMemory,
  PatchWriter,
  type ChangedSpan,
  type ListedChunk,
  type PatchContent,
} from '@rivulet/protocol';
import { inBatches } from '@rivulet/postgres';
import { contentOf, type ChunkStore } from '../chunk-store';
import { StoreLoss } from '../store-loss';
import { bytesOf } from './chunk-list';

/** Content that is in memory at once; a span with more is not compared row by row. */
export const BATCH_BYTES = 4 * 1024 * 1024;

/** New content after whose comparison it is seen whether a patch is worth the effort. */
const ENOUGH_BYTES = 8 * 1024 * 1024;

/** A patch is in memory until it is stored. Who needs more is sent chunks. */
const PATCH_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Compares the rows of chunks that go with those of chunks that come. Undefined when a chunk is no longer stored, or
 * when sending chunks is as good.
 */
export async function makePatch(
  store: ChunkStore,
  spans: ChangedSpan<ListedChunk>[],
  keyColumns: number,
): Promise<PatchContent[] | undefined> {
  const writer = new PatchWriter();
  const contents: PatchContent[] = [];
  let comparedBytes = 0;
  for await (const { batch, stored } of readEach(
    store,
    inBatches(spans, ({ bytes }) => bytes, BATCH_BYTES),
  )) {
    const chunks = await decode(store, stored);
    if (chunks === undefined) return undefined;
    for (const { position, before, after } of batch) {
      const { deletedKeys, rows } = compareRows(join(before, chunks), join(after, chunks), keyColumns);
      // Rows that go into the patch outlive the chunks.
      const copies = rows.map((row) => Buffer.from(row));
      contents.push(...writer.add({ position, count: before.length, deletedKeys, rows: copies }));
      // Rows are compared in one go; others may go on in between.
      await setImmediate();
    }
    for (const content of chunks.values()) freeMemory(content);
    comparedBytes += bytesOf(batch.flatMap(({ after }) => after));
    if (!isWorthIt(contents, comparedBytes)) return undefined;
  }
  return [...contents, ...writer.end()];
}

function isWorthIt(contents: PatchContent[], comparedBytes: number): boolean {
  const patchBytes = contents.reduce((sum, { content }) => sum + content.length, 0);
  if (patchBytes > PATCH_MAX_BYTES) return false;
  return comparedBytes <= ENOUGH_BYTES || patchBytes <= comparedBytes / 2;
}

type Batch = ChangedSpan<ListedChunk>[];
type Stored = Awaited<ReturnType<ChunkStore['read']>>;

/** PostgreSQL reads the next batch while this one is compared. */
async function* readEach(
  store: ChunkStore,
  batches: Iterator<Batch>,
): AsyncGenerator<{ batch: Batch; stored: Stored }, void> {
  let next = readNext(store, batches);
  while (next !== undefined) {
    const { batch, reading } = next;
    const stored = await reading;
    next = readNext(store, batches);
    // It is awaited with the next batch, if at all; until then a failure must not count as unhandled.
    next?.reading.catch(() => undefined);
    yield { batch, stored };
  }
}

function readNext(
  store: ChunkStore,
  batches: Iterator<Batch>,
): { batch: Batch; reading: Promise<Stored> } | undefined {
  const { value: batch } = batches.next() as { value: Batch | undefined };
  if (batch === undefined) return undefined;
  const chunks = batch.flatMap(({ before, after }) => [...before, ...after]);
  return { batch, reading: store.read(chunks.map(({ digest }) => Buffer.from(digest, 'hex'))) };
}

/** By digest; undefined when one is no longer stored. */
async function decode(store: ChunkStore, read: Stored): Promise<Map<string, Buffer> | undefined> {
  const contents = new Map<string, Buffer>();
  for (const stored of read) {
    if (stored === undefined) return undefined;
    const content = contentOf(stored);
    if (content === undefined) {
      await store.removeDamaged(read.flatMap((each) => each?.digest ?? []));
      throw new StoreLoss('A stored chunk was damaged.');
    }
    contents.set(stored.digest.toString('hex'), content);
  }
  // The blocks share their memory; one that is not compressed is a content itself.
  if (read.every((stored) => stored?.encoding !== 'none')) freeMemory(read[0]!.block);
  return contents;
}

function join(list: ListedChunk[], contents: Map<string, Buffer>): Buffer {
  const parts = list.map(({ digest }) => contents.get(digest)!);
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
