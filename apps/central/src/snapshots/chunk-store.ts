import { Injectable, Logger } from '@nestjs/common';
import {
  decodeFrame,
  encodeBlock,
  freeMemory,
  ownCopyOf,
  type BlockEncoding,
  type Chunk,
} from '@rivulet/protocol';
import { preparedStatement, selectBinary, withClient } from '@rivulet/postgres';
import { LRUCache } from 'lru-cache';
import { SnapshotDatabase } from './snapshot-database';
import { SnapshotsMetrics } from './snapshots.metrics';

/** The content of one frame: a chunk, or a patch. */
export type FrameContent = Pick<Chunk, 'digest' | 'rows' | 'bytes' | 'content'>;

/** A chunk or patch as it is stored and sent. */
export interface StoredChunk {
  digest: Buffer;
  rows: number;
  contentBytes: number;
  encoding: BlockEncoding;
  block: Buffer;
}

/** Content that is compressed and sent without asking which of it is there: a statement takes as long. */
const STORED_UNASKED_BYTES = 64 * 1024;

/** Small blocks that are sent soon, once as a rule: they are not read for that. */
const SOON_SENT_MAX_BYTES = 2 * 1024 * 1024;
const SOON_SENT_BLOCK_BYTES = 16 * 1024;
const SOON_SENT_BYTES = 320;

/** Chunks whose content is checked at once. */
const CHECKED_AT_ONCE = 32;

/** Chunks and patches by digest, compressed, in central's database. What has been stored never changes. */
@Injectable()
export class ChunkStore {
  private readonly logger = new Logger('Store');
  private readonly soonSent = new LRUCache<string, StoredChunk>({
    maxSize: SOON_SENT_MAX_BYTES,
    sizeCalculation: ({ block }) => SOON_SENT_BYTES + block.length,
  });

  constructor(
    private readonly database: SnapshotDatabase,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /**
   * Stores those of the chunks that are not there. Only these are compressed, unless there is so little that to ask first
   * would take longer.
   *
   * @param isSoonSent - they are probably sent next
   * @returns the size of the stored blocks, NaN when some had been there before
   */
  async add(chunks: FrameContent[], { isSoonSent = false } = {}): Promise<{ blockBytes: number }> {
    const isLittle = chunks.reduce((sum, { bytes }) => sum + bytes, 0) <= STORED_UNASKED_BYTES;
    const missing = isLittle ? inOrder(chunks) : await this.findMissing(chunks);
    if (missing.length === 0) return { blockBytes: NaN };
    const stored = missing.map(encodeChunk);
    const { rowCount } = await this.database.pool.query(
      insertChunks(stored.length),
      stored.flatMap((chunk) => [chunk.digest, chunk.rows, chunk.contentBytes, chunk.encoding, chunk.block]),
    );
    this.metrics.chunksStored.inc(rowCount ?? 0);
    const blockBytes = stored.reduce((sum, { block }) => sum + block.length, 0);
    if (isSoonSent) for (const chunk of stored) this.keep(chunk);
    for (const { encoding, block } of stored) if (encoding === 'zstd') freeMemory(block);
    return { blockBytes: rowCount === chunks.length ? blockBytes : NaN };
  }

  /** As {@link read}, for blocks that are sent as they are: those that this process has just stored need not be read. */
  async readToSend(digests: Buffer[]): Promise<(StoredChunk | undefined)[]> {
    const kept = digests.map((digest) => this.soonSent.get(digest.toString('hex')));
    return kept.includes(undefined) ? this.read(digests) : kept;
  }

  private keep(chunk: StoredChunk): void {
    if (chunk.block.length > SOON_SENT_BLOCK_BYTES) return;
    // In the pool of small buffers each would keep a slab of 8 KiB.
    this.soonSent.set(chunk.digest.toString('hex'), { ...chunk, block: ownCopyOf(chunk.block) });
  }

  /** The chunks with these digests, in the same order; undefined where one is not there. */
  async read(digests: Buffer[]): Promise<(StoredChunk | undefined)[]> {
    // With E they are the same where standard_conforming_strings is off.
    const list = digests.map((digest) => `E'\\\\x${digest.toString('hex')}'`).join(', ');
    const rows = await withClient(this.database.pool, (client) =>
      selectBinary(
        client,
        `SELECT digest, rows, content_bytes, encoding, block FROM rivulet.chunks WHERE digest IN (${list})`,
        freeMemory,
      ),
    );
    const byDigest = new Map(rows.map((row) => [row[0]!.toString('hex'), toStoredChunk(row)]));
    return digests.map((digest) => byDigest.get(digest.toString('hex')));
  }

  /**
   * Removes those of the chunks whose content does not have its digest: a disk, or somebody, has changed them. What lists
   * them is then incomplete. Resolves to how many there were.
   */
  async removeDamaged(digests: Buffer[]): Promise<number> {
    const damaged: Buffer[] = [];
    for (let start = 0; start < digests.length; start += CHECKED_AT_ONCE) {
      for (const chunk of await this.read(digests.slice(start, start + CHECKED_AT_ONCE))) {
        if (chunk !== undefined && contentOf(chunk) === undefined) damaged.push(chunk.digest);
      }
    }
    if (damaged.length === 0) return 0;
    await this.database.pool.query('DELETE FROM rivulet.chunks WHERE digest = ANY ($1)', [damaged]);
    this.logger.warn(
      { chunks: damaged.length, digests: damaged.slice(0, 10).map((digest) => digest.toString('hex')) },
      `${damaged.length} stored chunks no longer have the content that their digests say. They are removed, and read from ` +
        "the source again. Check the disk of central's database, and who writes to the schema rivulet.",
    );
    return damaged.length;
  }

  private async findMissing(chunks: FrameContent[]): Promise<FrameContent[]> {
    const { rows } = await this.database.pool.query<{ digest: Buffer }>({
      text: 'SELECT digest FROM rivulet.chunks WHERE digest = ANY ($1)',
      values: [chunks.map((chunk) => chunk.digest)],
    });
    const known = new Set(rows.map(({ digest }) => digest.toString('hex')));
    return inOrder(chunks.filter(({ digest }) => !known.has(digest.toString('hex'))));
  }
}

/** Each once, in the order of digests, so that two builders that store the same chunks cannot deadlock. */
function inOrder(chunks: FrameContent[]): FrameContent[] {
  const wanted = new Map(chunks.map((chunk) => [chunk.digest.toString('hex'), chunk]));
  return [...wanted].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, chunk]) => chunk);
}

/** The decompressed content of a stored chunk; undefined when it does not have its digest. */
export function contentOf({ block, ...stored }: StoredChunk): Buffer | undefined {
  const header = { kind: 'chunk', table: 0, number: 0, blockBytes: block.length, ...stored } as const;
  try {
    return decodeFrame({ header, block });
  } catch {
    return undefined;
  }
}

/**
 * Does not wait for the disk: what names these chunks is committed later, and its commit waits until all that came before
 * is there. To have PostgreSQL evaluate the setting in the statement itself saves a transaction around each batch.
 */
function insertChunks(count: number): string {
  const chunks = Array.from({ length: count }, (_, index) => {
    const [digest, rows, bytes, encoding, block] = [1, 2, 3, 4, 5].map((place) => `$${index * 5 + place}`);
    return `(${digest}::bytea, ${rows}::int, ${bytes}::int, ${encoding}, ${block}::bytea)`;
  });
  return `
    WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO rivulet.chunks (digest, rows, content_bytes, encoding, block)
    SELECT chunk.* FROM relaxed, (VALUES ${chunks.join(', ')}) AS chunk
    ON CONFLICT (digest) DO NOTHING`;
}

preparedStatement('rivulet new chunk', insertChunks(1));

function toStoredChunk([digest, rows, contentBytes, encoding, block]: (Buffer | null)[]): StoredChunk {
  return {
    digest: digest!,
    rows: rows!.readInt32BE(),
    contentBytes: contentBytes!.readInt32BE(),
    encoding: encoding!.toString() as BlockEncoding,
    block: block!,
  };
}

function encodeChunk({ digest, rows, bytes, content }: FrameContent): StoredChunk {
  return { digest, rows, contentBytes: bytes, ...encodeBlock(content) };
}
