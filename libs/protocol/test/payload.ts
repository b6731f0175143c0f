import { createHash } from 'node:crypto';
import { decodeFrame, encodeBlock, encodeEndFrame, encodeFrameHeader } from '../src/frames/frame';
import type { FrameHeader } from '../src/frames/frame';
import { FrameDecoder } from '../src/frames/frame-decoder';
import { RivuletError } from '@rivulet/errors';

export function sha256(content: Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}

/** The header that belongs to a content, and the block to go with it. */
export function frameOf(
  content: Buffer,
  change: Partial<FrameHeader> = {},
): { header: FrameHeader; block: Buffer } {
  const { encoding, block } = encodeBlock(content);
  const header = { kind: 'chunk', encoding, table: 0, number: 0, rows: 1, digest: sha256(content) } as const;
  return {
    header: { ...header, contentBytes: content.length, blockBytes: block.length, ...change },
    block,
  };
}

/** All frames of a plan with these contents, and the end frame. */
export function payloadOf(contents: Buffer[]): Buffer {
  const frames = contents.flatMap((content, number) => {
    const { header, block } = frameOf(content, { number });
    return [encodeFrameHeader(header), block];
  });
  return Buffer.concat([...frames, encodeEndFrame(contents.length)]);
}

/** A client's reading of a payload when it checks as docs/protocol.md tells it to. */
export function receive(stream: Iterable<Buffer>, planned: Buffer[]): Buffer[] {
  const decoder = new FrameDecoder();
  const contents: Buffer[] = [];
  for (const input of stream) {
    for (const frame of decoder.push(input)) {
      const { kind, number, digest } = frame.header;
      if (kind === 'end') {
        if (number !== planned.length || contents.length !== planned.length) throw refuse('an early end');
        return contents;
      }
      if (planned[number]?.equals(digest) !== true) throw refuse('a frame that is not in the plan');
      contents.push(decodeFrame(frame));
    }
  }
  throw refuse('no end frame');
}

function refuse(what: string): RivuletError {
  return new RivuletError('FRAME_INVALID', `The payload has ${what}.`);
}
