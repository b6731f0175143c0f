import { Injectable } from '@nestjs/common';
import { decodeFrame, encodeZlibBlock, freeMemory, FRAMES_CONTENT_TYPE, type Frame } from '@rivulet/protocol';

export type BlockCompression = 'zstd' | 'zlib';

/**
 * The compression that a client asks for: `Accept: application/vnd.rivulet.frames; blocks=zlib`. As Accept is a
 * preference, one that central does not know counts as none; the header of each frame says what was sent.
 */
export function acceptedCompression(accept = ''): BlockCompression {
  for (const mediaRange of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = mediaRange.split(';').map((part) => part.trim());
    if (type !== FRAMES_CONTENT_TYPE) continue;
    const blocks = parameters.find((parameter) => /^blocks="?(zstd|zlib)"?$/.test(parameter));
    if (blocks !== undefined) return blocks.includes('zlib') ? 'zlib' : 'zstd';
  }
  return 'zstd';
}

/**
 * Compresses stored blocks with zlib, for clients without zstd. That costs 30 times what sending a stored block does, so
 * one block at a time is compressed, over all answers: however many clients ask, others keep their processor.
 */
@Injectable()
export class ZlibBlocks {
  private last: Promise<unknown> = Promise.resolve();

  /** @throws RivuletError FRAME_INVALID when the stored block is damaged */
  async recompress(frame: Frame): Promise<Frame> {
    if (frame.header.encoding === 'none') return frame;
    const turn = this.last.then(() => compress(frame));
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

async function compress(frame: Frame): Promise<Frame> {
  const content = decodeFrame(frame);
  const { encoding, block } = await encodeZlibBlock(content);
  if (encoding !== 'none') freeMemory(content);
  return { header: { ...frame.header, encoding, blockBytes: block.length }, block };
}
