import { constants } from 'node:fs';
import { mkdir, open, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import {
  decodeFrame,
  decodeFrameHeader,
  encodeFrameHeader,
  FRAME_HEADER_BYTES,
  freeMemory,
  ROW_MAX_BYTES,
  type Frame,
  type FrameHeader,
} from '@rivulet/protocol';

/** The place of a frame in the file. */
interface Entry {
  offset: number;
  length: number;
  /** Size of the decoded frame. */
  contentBytes: number;
}

/** The device is full, or the quota of this user is used up. */
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Frames that have arrived and wait to be applied, in one append-only file, found by digest. A broken download resumes
 * after the last whole frame, also after a restart, and also for a later manifest that needs some of the same frames.
 * Every frame is checked again when it is read: the file itself is not trusted.
 */
export class SpoolFile {
  private readonly entries = new Map<string, Entry>();
  private end = 0;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly maxRowBytes: number,
  ) {}

  /**
   * Opens or creates the file. Its frames can be used after recover().
   *
   * @param maxRowBytes the largest row that is accepted; frames that came under a higher limit are fetched again
   */
  static async open(path: string, maxRowBytes = ROW_MAX_BYTES): Promise<SpoolFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    return new SpoolFile(path, file, maxRowBytes);
  }

  /**
   * Finds the frames in the file and checks each: damaged frames are ignored, and a partial frame that a crash left at the
   * end is cut off.
   */
  async recover(): Promise<void> {
    this.entries.clear();
    this.end = 0;
    const { size } = await this.file.stat();
    for (;;) {
      const length = await this.lengthOfFrameAt(this.end, size);
      if (length === undefined) break;
      const bytes = await this.bytesAt(this.end, length);
      const header = intactHeader(bytes, this.maxRowBytes);
      if (header !== undefined) this.enter(header);
      this.end += length;
    }
    await this.file.truncate(this.end);
  }

  /** Total bytes of the frames in the file. */
  get bytes(): number {
    return this.end;
  }

  has(digest: string): boolean {
    return this.entries.has(digest);
  }

  /** Bytes that these frames take in the file. */
  bytesOf(digests: Iterable<string>): number {
    let bytes = 0;
    for (const digest of digests) bytes += this.entries.get(digest)?.length ?? 0;
    return bytes;
  }

  /** Bytes of these frames when decoded. */
  contentBytesOf(digests: Iterable<string>): number {
    let bytes = 0;
    for (const digest of digests) bytes += this.entries.get(digest)?.contentBytes ?? 0;
    return bytes;
  }

  /** @throws RivuletError DISK_FULL; the frames are then not in the spool, and the next ones overwrite them */
  async append(frames: Frame[]): Promise<void> {
    const pieces = frames.flatMap((frame) => [encodeFrameHeader(frame.header), frame.block]);
    const bytes = Buffer.concat(pieces);
    try {
      await this.writeAtEnd(bytes);
      freeMemory(bytes);
    } catch (error) {
      // Part of a frame may have been written. The next frame overwrites it; until then the space is released.
      await this.file.truncate(this.end).catch(() => undefined);
      if (!NO_ROOM.has(String((error as NodeJS.ErrnoException).code))) throw error;
      throw new RivuletError('DISK_FULL', `The disk of ${this.path} became full during the download.`, {
        cause: error,
      });
    }
    for (const { header } of frames) {
      this.enter(header);
      this.end += FRAME_HEADER_BYTES + header.blockBytes;
    }
  }

  /**
   * The content of a frame, checked against its digest.
   *
   * @throws RivuletError FRAME_INVALID when the stored bytes are damaged; the frame is then forgotten
   */
  async read(digest: string): Promise<Buffer> {
    const entry = this.entries.get(digest);
    if (entry === undefined)
      throw new RivuletError('FRAME_INVALID', `Frame ${digest.slice(0, 12)} is not in the spool.`);
    try {
      const bytes = await this.bytesAt(entry.offset, entry.length);
      const content = contentOf(bytes, digest, this.maxRowBytes);
      if (content.buffer !== bytes.buffer) freeMemory(bytes);
      return content;
    } catch (error) {
      this.entries.delete(digest);
      const message = `Frame ${digest.slice(0, 12)} is damaged in the spool.`;
      throw new RivuletError('FRAME_INVALID', message, { cause: error });
    }
  }

  /**
   * Forgets all other frames and gives their room back. Frames move towards the beginning of the file, so it needs no room
   * itself; what a crash in the middle of it damages is fetched again.
   */
  async keepOnly(digests: ReadonlySet<string>): Promise<void> {
    const kept = [...this.entries].filter(([digest]) => digests.has(digest));
    this.entries.clear();
    this.end = 0;
    try {
      for (const [digest, entry] of kept.toSorted(([, a], [, b]) => a.offset - b.offset)) {
        if (entry.offset !== this.end) await this.writeAtEnd(await this.bytesAt(entry.offset, entry.length));
        this.entries.set(digest, { ...entry, offset: this.end });
        this.end += entry.length;
      }
      await this.file.truncate(this.end);
    } catch {
      // A file system that writes changed bytes elsewhere may have no room for them.
      await this.clear();
    }
  }

  async hasRoom(bytes: number): Promise<boolean> {
    return (await this.freeBytes()) >= bytes;
  }

  /** @throws RivuletError DISK_FULL when the disk has less free space than this */
  async requireRoom(bytes: number): Promise<void> {
    const free = await this.freeBytes();
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

  private async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(dirname(this.path));
    return bavail * bsize;
  }

  /** Makes the frame at the end known by its digest. */
  private enter({ digest, blockBytes, contentBytes }: FrameHeader): void {
    const length = FRAME_HEADER_BYTES + blockBytes;
    this.entries.set(digest.toString('hex'), { offset: this.end, length, contentBytes });
  }

  /** Not in append mode: a partial frame at the end is overwritten. */
  private async writeAtEnd(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.file.write(bytes, done, bytes.length - done, this.end + done);
      done += bytesWritten;
    }
  }

  /** Undefined when there is no whole frame between the offset and `size`. */
  private async lengthOfFrameAt(offset: number, size: number): Promise<number | undefined> {
    if (offset + FRAME_HEADER_BYTES > size) return undefined;
    const header = tryDecodeHeader(await this.bytesAt(offset, FRAME_HEADER_BYTES), this.maxRowBytes);
    if (header === undefined || header.kind === 'end') return undefined;
    const length = FRAME_HEADER_BYTES + header.blockBytes;
    return offset + length > size ? undefined : length;
  }

  private async bytesAt(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.file.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  }
}

/** @throws unless the bytes are a whole frame with this digest */
function contentOf(bytes: Buffer, digest: string, maxRowBytes: number): Buffer {
  const header = decodeFrameHeader(bytes, maxRowBytes);
  const block = bytes.subarray(FRAME_HEADER_BYTES);
  if (header.digest.toString('hex') !== digest || block.length !== header.blockBytes) {
    throw new RangeError(`Frame ${header.number} is in its place.`);
  }
  return decodeFrame({ header, block });
}

function intactHeader(bytes: Buffer, maxRowBytes: number): FrameHeader | undefined {
  try {
    const header = decodeFrameHeader(bytes, maxRowBytes);
    contentOf(bytes, header.digest.toString('hex'), maxRowBytes);
    return header;
  } catch {
    return undefined;
  }
}

function tryDecodeHeader(bytes: Buffer, maxRowBytes: number): FrameHeader | undefined {
  try {
    return decodeFrameHeader(bytes, maxRowBytes);
  } catch {
    return undefined;
  }
}

function toMiB(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
