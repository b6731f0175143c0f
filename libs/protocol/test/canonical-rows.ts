import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ChunkCutter, type Chunk } from '../src/chunks/chunk-cutter';
import { CHUNK_MAX_BYTES, CHUNK_TARGET_BYTES, ROW_MAX_BYTES } from '../src/version/limits';

/** A row with a key of one column and a filler, both without anything that COPY escapes. */
export interface TestRow {
  key: string;
  fill: number;
  /** The filling; `x` unless given. */
  letter?: string;
}

/** A chunk's description without its content. */
export interface ChunkFacts {
  rows: number;
  bytes: number;
  firstKey: string;
  lastKey: string;
  digest: string;
}

function rowBytes({ key, fill }: TestRow): number {
  return key.length + fill + 2;
}

export function toBytes(rows: TestRow[]): Buffer {
  return Buffer.concat(rows.map(toLine));
}

export function toLine({ key, fill, letter = 'x' }: TestRow): Buffer {
  return Buffer.from(`${key}\t${letter.repeat(fill)}\n`);
}

/** Has the cutter work through the buffers of a stream. */
export function cut(
  stream: Iterable<Buffer>,
  keyColumns = 1,
  keepContent = false,
  maxRowBytes = ROW_MAX_BYTES,
): Chunk[] {
  const cutter = new ChunkCutter(keyColumns, { keepContent, maxRowBytes });
  const chunks: Chunk[] = [];
  for (const buffer of stream) chunks.push(...cutter.push(buffer));
  return [...chunks, ...cutter.end()];
}

export function factsOf(chunks: Chunk[]): ChunkFacts[] {
  return chunks.map(({ rows, bytes, firstKey, lastKey, digest }) => ({
    rows,
    bytes,
    firstKey,
    lastKey,
    digest: digest.toString('hex'),
  }));
}

export function digestsOf(chunks: ChunkFacts[]): string[] {
  return chunks.map(({ digest }) => digest);
}

/** The boundary rule once more, in the words of docs/protocol.md: the row's size against the CRC's upper half. */
export function endsChunk(row: TestRow): boolean {
  return rowBytes(row) > crc32(row.key) >>> 16;
}

/** The chunks by definition, from whole rows. */
export function chunksByDefinition(rows: TestRow[]): ChunkFacts[] {
  const chunks: TestRow[][] = [[]];
  let bytes = 0;
  for (const row of rows) {
    if (chunks.at(-1)!.length > 0 && bytes + rowBytes(row) > CHUNK_MAX_BYTES) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)!.push(row);
    bytes += rowBytes(row);
    if (endsChunk(row)) {
      chunks.push([]);
      bytes = 0;
    }
  }
  return chunks
    .filter((chunk) => chunk.length > 0)
    .map((chunk) => {
      const content = toBytes(chunk);
      const digest = createHash('sha256').update(content).digest('hex');
      const [firstKey, lastKey] = [chunk[0]!.key, chunk.at(-1)!.key];
      return { rows: chunk.length, bytes: content.length, firstKey, lastKey, digest };
    });
}

/** Cuts a buffer in pieces of the given lengths, over and over. */
export function* inPieces(content: Buffer, lengths: number[]): Generator<Buffer, void> {
  let start = 0;
  for (let piece = 0; start < content.length; piece++) {
    const end = start + lengths[piece % lengths.length]!;
    yield content.subarray(start, end);
    start = end;
  }
}

/** How many times as large as intended the chunks are on average. */
export function averageOverTarget(chunks: ChunkFacts[]): number {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  return bytes / chunks.length / CHUNK_TARGET_BYTES;
}
