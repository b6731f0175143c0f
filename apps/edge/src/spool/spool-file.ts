import { mkdir, open, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  decodeFrame,
  decodeFrameHeader,
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  RivuletError,
  type Frame,
} from '@rivulet/protocol';

/** Where a frame stands in the file. */
interface Entry {
  offset: number;
  length: number;
}

/**
 * Frames that have arrived and wait to be applied, in one file that only grows, found by digest. A download that
 * broke off goes on behind the last whole frame, also after a restart, and also for a later manifest that needs
 * some of the same chunks. Nothing is trusted for being in the file: a frame is checked again when it is read.
 */
export class SpoolFile {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly entries: Map<string, Entry>,
    private end: number,
  ) {}

  /** Opens the file, or makes it. What a crash left of a frame at its end is cut off. */
  static async open(path: string): Promise<SpoolFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'a+', 0o600);
    const { entries, end } = await scan(file);
    await file.truncate(end);
    return new SpoolFile(path, file, entries, end);
  }

  /** Bytes of all frames in it. */
  get bytes(): number {
    return this.end;
  }

  has(digest: string): boolean {
    return this.entries.has(digest);
  }

  /** @throws RivuletError DISK_FULL */
  async append(frames: Frame[]): Promise<void> {
    const pieces = frames.flatMap((frame) => [encodeFrameHeader(frame.header), frame.block]);
    try {
      await this.file.appendFile(Buffer.concat(pieces));
    } catch (error) {
      // Part of a frame may have been written; the next one must begin where the last whole one ends.
      await this.file.truncate(this.end);
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      throw new RivuletError('DISK_FULL', `The disk of ${this.path} became full during the download.`, {
        cause: error,
      });
    }
    for (const { header } of frames) {
      const length = FRAME_HEADER_BYTES + header.blockBytes;
      this.entries.set(header.digest.toString('hex'), { offset: this.end, length });
      this.end += length;
    }
  }

  /**
   * The content of a frame, checked against its digest.
   *
   * @throws RivuletError FRAME_INVALID when the disk gave back something else; the frame is then forgotten
   */
  async read(digest: string): Promise<Buffer> {
    const entry = this.entries.get(digest);
    if (entry === undefined)
      throw new RivuletError('FRAME_INVALID', `Chunk ${digest.slice(0, 12)} is not in the spool.`);
    const bytes = Buffer.allocUnsafe(entry.length);
    await this.file.read(bytes, 0, entry.length, entry.offset);
    try {
      const header = decodeFrameHeader(bytes);
      if (header.digest.toString('hex') !== digest) {
        throw new RivuletError(
          'FRAME_INVALID',
          `The spool has another chunk in the place of ${digest.slice(0, 12)}.`,
        );
      }
      return decodeFrame({ header, block: bytes.subarray(FRAME_HEADER_BYTES) });
    } catch (error) {
      this.entries.delete(digest);
      throw error;
    }
  }

  /** @throws RivuletError DISK_FULL when there is not room for so many more bytes */
  async requireRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(dirname(this.path));
    const free = bavail * bsize;
    if (free >= bytes) return;
    throw new RivuletError(
      'DISK_FULL',
      `The download needs ${toMiB(bytes)} MiB in ${dirname(this.path)}, where ${toMiB(free)} MiB are free.`,
    );
  }

  async clear(): Promise<void> {
    this.entries.clear();
    this.end = 0;
    await this.file.truncate(0);
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

function toMiB(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

/** Reads the headers alone, until one is not whole or not a chunk's. */
async function scan(file: FileHandle): Promise<{ entries: Map<string, Entry>; end: number }> {
  const { size } = await file.stat();
  const entries = new Map<string, Entry>();
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  let offset = 0;
  while (offset + FRAME_HEADER_BYTES <= size) {
    await file.read(header, 0, FRAME_HEADER_BYTES, offset);
    const length = FRAME_HEADER_BYTES + header.readUInt32BE(16);
    const frame = tryDecode(header);
    if (frame === undefined || offset + length > size) break;
    entries.set(frame, { offset, length });
    offset += length;
  }
  return { entries, end: offset };
}

function tryDecode(bytes: Buffer): string | undefined {
  try {
    const header = decodeFrameHeader(bytes);
    return header.kind === 'chunk' ? header.digest.toString('hex') : undefined;
  } catch {
    return undefined;
  }
}
