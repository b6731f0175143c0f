import { freeMemory, type Chunk } from '@rivulet/protocol';
import type { ChunkStore } from '../chunk-store';

/** Chunks that are compressed and stored in one go. */
const BATCH_BYTES = 1024 * 1024;
/** A statement takes 65,535 values, of which each chunk has five. */
const BATCH_CHUNKS = 2_000;

/** Stores the chunks of a snapshot: while one batch is being stored the next fills, and no more is held. */
export class ChunkBatches {
  private batch: Chunk[] = [];
  private batchBytes = 0;
  private storing = Promise.resolve();

  constructor(private readonly store: ChunkStore) {}

  /** @throws what storing the batch before threw */
  async add(chunk: Chunk): Promise<void> {
    this.batch.push(chunk);
    this.batchBytes += chunk.bytes;
    if (this.batchBytes >= BATCH_BYTES || this.batch.length === BATCH_CHUNKS) await this.storeBatch();
  }

  /** Returns when all is stored. */
  async finish(): Promise<void> {
    if (this.batch.length > 0) await this.storeBatch();
    await this.storing;
  }

  /** Returns when nothing is being stored any more. */
  async abandon(): Promise<void> {
    await this.storing.catch(() => undefined);
  }

  private async storeBatch(): Promise<void> {
    const full = this.batch;
    this.batch = [];
    this.batchBytes = 0;
    await this.storing;
    this.storing = this.store.add(full).then(() => full.forEach(({ content }) => freeMemory(content)));
    // It is awaited with the next batch; until then a failure must not count as unhandled.
    this.storing.catch(() => undefined);
  }
}
