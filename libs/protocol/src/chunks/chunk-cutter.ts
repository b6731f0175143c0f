import { createHash, type Hash } from 'node:crypto';
import { CRC32_START, crc32Finish, crc32Step } from './crc32';
import { ownCopyOf } from './free-memory';
import { CHUNK_MAX_BYTES, CHUNK_TARGET_BYTES, ROW_MAX_BYTES } from '../version/limits';

/** Describes consecutive canonical rows of one table without their content. */
export interface ChunkSummary {
  /** SHA-256 of the rows' bytes. */
  digest: Buffer;
  rows: number;
  bytes: number;
  /** The key of the first row: its columns as canonical text, tab between them. */
  firstKey: string;
  /** The key of the last row. */
  lastKey: string;
}

/** Consecutive canonical rows of one table. */
export interface Chunk extends ChunkSummary {
  /** The canonical rows, in their own memory; empty if the cutter does not keep content. */
  content: Buffer;
  /** Those whose keys have one of the CRCs that were asked for, if any were. */
  marked?: RowPlace[];
}

/** Where a row begins and ends in the content of its chunk. */
export interface RowPlace {
  start: number;
  keyEnd: number;
  end: number;
}

/** The rows cannot form a dataset: a key is NULL, two keys are equal, or a row is too large. */
export class RowError extends Error {
  constructor(
    readonly problem: 'key-null' | 'key-not-unique' | 'row-too-large' | 'row-incomplete',
    /** The key's columns as canonical text, tab between them; at most 200 characters. */
    readonly key: string,
  ) {
    super(`${problem} at key ${JSON.stringify(key)}`);
  }
}

export interface ChunkCutterOptions {
  /** Whether chunks have their content. */
  keepContent: boolean;
  /** The largest accepted row, LF included. Does not affect where chunks end. */
  maxRowBytes?: number;
  /** CHUNK_MAX_BYTES of memory, which cutters that work one after the other can share. */
  workspace?: Buffer;
  /** CRC-32 of keys whose rows are marked, as signed numbers, which V8 finds in half the time. Other keys may have the same. */
  markedCrcs?: ReadonlySet<number> | undefined;
}

/** The first bytes of a row, from which up to 200 characters of its key are shown. */
const SHOWN_BYTES = 800;

const LF = 0x0a;
const TAB = 0x09;
const BACKSLASH = 0x5c;
const CAPITAL_N = 0x4e;

/**
 * Cuts a stream of canonical rows, in key order, into chunks.
 *
 * A chunk ends after a row with CRC-32(key) < row bytes × 2^32 / CHUNK_TARGET_BYTES. This depends on that row alone, so
 * an insert or a delete moves no other boundary of this kind, and weighting by the row's size gives narrow and wide rows
 * the same average chunk size. A chunk also ends before a row that would make it larger than CHUNK_MAX_BYTES; a boundary
 * of this kind can move, but only up to the next one of the first kind.
 *
 * The chunks do not depend on how the stream is split into buffers.
 */
export class ChunkCutter {
  private hash: Hash = createHash('sha256');
  /** The rows of the current chunk, if content is kept. */
  private readonly workspace: Buffer;
  private workspaceBytes = 0;
  /** A single row that is larger than a chunk, instead of the workspace. */
  private largeRow: Buffer | undefined;
  private rows = 0;
  private bytes = 0;
  private firstKey = '';
  private marked: RowPlace[] = [];
  /** The pieces of a row whose end has not arrived. */
  private partialRow: Buffer[] = [];
  private partialBytes = 0;
  /** Position of the previous row's key. A Buffer for every row would create most of the garbage. */
  private previousInput: Buffer = Buffer.alloc(0);
  private previousStart = 0;
  private previousEnd = 0;
  private previousCrc = 0;
  private totalRows = 0;

  private keyEnd = 0;
  private keyCrc = 0;

  private readonly keepContent: boolean;
  private readonly maxRowBytes: number;
  private readonly markedCrcs: ReadonlySet<number> | undefined;

  constructor(
    private readonly keyColumns: number,
    { keepContent, maxRowBytes = ROW_MAX_BYTES, workspace, markedCrcs }: ChunkCutterOptions,
  ) {
    this.keepContent = keepContent;
    this.maxRowBytes = maxRowBytes;
    this.markedCrcs = markedCrcs;
    this.workspace = workspace ?? Buffer.allocUnsafe(keepContent ? CHUNK_MAX_BYTES : 0);
  }

  /** Takes the next bytes of the stream and returns the chunks that they complete. Keeps no reference to `input`. */
  push(input: Buffer): Chunk[] {
    const done: Chunk[] = [];
    let start = 0;
    if (this.partialBytes > 0) {
      const rowEnd = input.indexOf(LF) + 1;
      this.partialRow.push(Buffer.from(rowEnd === 0 ? input : input.subarray(0, rowEnd)));
      this.partialBytes += rowEnd === 0 ? input.length : rowEnd;
      if (this.partialBytes > this.maxRowBytes) this.fail('row-too-large', this.partialStart(), 0);
      if (rowEnd === 0) return done;
      const row = Buffer.concat(this.partialRow);
      this.partialRow = [];
      this.partialBytes = 0;
      this.cutRows(row, 0, done);
      start = rowEnd;
    }
    const end = this.cutRows(input, start, done);
    if (end < input.length) {
      this.partialRow = [Buffer.from(input.subarray(end))];
      this.partialBytes = input.length - end;
    }
    this.keepPreviousKey();
    return done;
  }

  /** Ends the stream and returns the last chunk, if any. */
  end(): Chunk[] {
    if (this.partialBytes > 0) this.fail('row-incomplete', this.partialStart(), 0);
    const done: Chunk[] = [];
    if (this.rows > 0) done.push(this.takeChunk());
    return done;
  }

  /** Processes the complete rows from `start` on; returns where the incomplete row begins. */
  private cutRows(input: Buffer, start: number, done: Chunk[]): number {
    let chunkStart = start;
    let rowStart = start;
    for (let lf = input.indexOf(LF, rowStart); lf !== -1; lf = input.indexOf(LF, rowStart)) {
      const rowEnd = lf + 1;
      const rowBytes = rowEnd - rowStart;
      if (rowBytes > this.maxRowBytes) this.fail('row-too-large', input, rowStart);
      this.readKey(input, rowStart);

      if (this.rows > 0 && this.bytes + rowBytes > CHUNK_MAX_BYTES) {
        this.takeBytes(input, chunkStart, rowStart);
        chunkStart = rowStart;
        done.push(this.takeChunk());
      }
      this.previousInput = input;
      this.previousStart = rowStart;
      this.previousEnd = this.keyEnd;
      this.previousCrc = this.keyCrc;
      if (this.rows === 0) this.firstKey = this.previousKey();
      if (this.markedCrcs?.has(this.keyCrc | 0) === true) this.mark(rowStart, rowBytes);
      this.rows += 1;
      this.bytes += rowBytes;
      this.totalRows += 1;
      if (this.keyCrc * CHUNK_TARGET_BYTES < rowBytes * 2 ** 32) {
        this.takeBytes(input, chunkStart, rowEnd);
        chunkStart = rowEnd;
        done.push(this.takeChunk());
      }
      rowStart = rowEnd;
    }
    this.takeBytes(input, chunkStart, rowStart);
    return rowStart;
  }

  private mark(rowStart: number, rowBytes: number): void {
    const start = this.bytes;
    this.marked.push({ start, keyEnd: start + this.keyEnd - rowStart, end: start + rowBytes });
  }

  /** Finds the end of the key and its CRC; refuses a NULL in the key and a repeated key. */
  private readKey(input: Buffer, rowStart: number): void {
    let register = CRC32_START;
    let position = rowStart;
    let fieldStart = rowStart;
    let columnsLeft = this.keyColumns;
    for (;;) {
      const byte = input[position]!;
      if (byte === TAB || byte === LF) {
        const isNull =
          position - fieldStart === 2 &&
          input[fieldStart] === BACKSLASH &&
          input[fieldStart + 1] === CAPITAL_N;
        if (isNull) this.fail('key-null', input, rowStart);
        columnsLeft -= 1;
        if (columnsLeft === 0 || byte === LF) break;
        fieldStart = position + 1;
      }
      register = crc32Step(register, byte);
      position += 1;
    }
    this.keyEnd = position;
    this.keyCrc = crc32Finish(register);
    const mayRepeat = this.totalRows > 0 && this.keyCrc === this.previousCrc;
    if (mayRepeat && this.repeatsKey(input, rowStart)) this.fail('key-not-unique', input, rowStart);
  }

  private repeatsKey(input: Buffer, rowStart: number): boolean {
    const { previousInput, previousStart, previousEnd } = this;
    return previousInput.compare(input, rowStart, this.keyEnd, previousStart, previousEnd) === 0;
  }

  private previousKey(): string {
    return this.previousInput.toString('utf8', this.previousStart, this.previousEnd);
  }

  private keepPreviousKey(): void {
    this.previousInput = Buffer.from(this.previousInput.subarray(this.previousStart, this.previousEnd));
    this.previousEnd -= this.previousStart;
    this.previousStart = 0;
  }

  private takeBytes(input: Buffer, start: number, end: number): void {
    if (start === end) return;
    const piece = input.subarray(start, end);
    this.hash.update(piece);
    if (!this.keepContent) return;
    if (piece.length > CHUNK_MAX_BYTES) this.largeRow = Buffer.from(piece);
    else this.workspaceBytes += piece.copy(this.workspace, this.workspaceBytes);
  }

  private takeChunk(): Chunk {
    const chunk = {
      digest: this.hash.digest(),
      rows: this.rows,
      bytes: this.bytes,
      firstKey: this.firstKey,
      lastKey: this.previousKey(),
      content: this.largeRow ?? ownCopyOf(this.workspace.subarray(0, this.workspaceBytes)),
      ...(this.markedCrcs !== undefined && { marked: this.marked }),
    };
    this.hash = createHash('sha256');
    this.workspaceBytes = 0;
    this.largeRow = undefined;
    this.marked = [];
    this.rows = 0;
    this.bytes = 0;
    return chunk;
  }

  /** Enough of the row to show its key; the whole row may be too large. */
  private partialStart(): Buffer {
    return Buffer.concat(this.partialRow, Math.min(this.partialBytes, SHOWN_BYTES));
  }

  private fail(problem: RowError['problem'], input: Buffer, rowStart: number): never {
    const row = input.toString('utf8', rowStart, Math.min(input.length, rowStart + SHOWN_BYTES));
    throw new RowError(
      problem,
      row
        .split(/[\t\n]/)
        .slice(0, this.keyColumns)
        .join('\t')
        .slice(0, 200),
    );
  }
}
