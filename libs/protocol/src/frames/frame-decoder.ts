import { decodeFrameHeader, FRAME_HEADER_BYTES, type Frame, type FrameHeader } from './frame';
import { ROW_MAX_BYTES } from '../version/limits';

/** Finds the frames in a stream of bytes, however it is split. Buffers at most one frame. */
export class FrameDecoder {
  private pieces: Buffer[] = [];
  private buffered = 0;
  private header: FrameHeader | undefined;

  /** @param maxRowBytes the largest accepted row; a frame whose header announces more is refused */
  constructor(private readonly maxRowBytes = ROW_MAX_BYTES) {}

  /** Takes the next bytes and returns the frames they complete. @throws what decodeFrameHeader throws */
  push(input: Buffer): Frame[] {
    this.pieces.push(input);
    this.buffered += input.length;
    const frames: Frame[] = [];
    for (;;) {
      if (this.header === undefined) {
        const bytes = this.take(FRAME_HEADER_BYTES);
        if (bytes === undefined) return frames;
        this.header = decodeFrameHeader(bytes, this.maxRowBytes);
      }
      const block = this.take(this.header.blockBytes);
      if (block === undefined) return frames;
      frames.push({ header: this.header, block });
      this.header = undefined;
    }
  }

  /** Bytes of a frame whose end has not arrived. */
  get pendingBytes(): number {
    return this.buffered + (this.header === undefined ? 0 : FRAME_HEADER_BYTES);
  }

  private take(length: number): Buffer | undefined {
    if (this.buffered < length) return undefined;
    const [first] = this.pieces;
    const all = this.pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.pieces);
    this.pieces = all.length > length ? [all.subarray(length)] : [];
    this.buffered = all.length - length;
    return all.subarray(0, length);
  }
}
