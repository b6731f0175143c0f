import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { inPieces } from '../../test/canonical-rows';
import { frameOf, payloadOf, receive, sha256 } from '../../test/payload';
import { refusalOf } from '../../test/refusal';
import { encodeEndFrame, encodeFrameHeader, FRAME_HEADER_BYTES } from './frame';
import { FrameDecoder } from './frame-decoder';
import { CHUNK_MAX_BYTES, frameContentMaxBytes, PATCH_TARGET_BYTES, ROW_MAX_BYTES } from '../version/limits';
import { RivuletError } from '@rivulet/errors';

const FRAME_CONTENT_MAX_BYTES = frameContentMaxBytes(ROW_MAX_BYTES);
const TEXT = Buffer.from('1\tthe same text again\n'.repeat(20));
const NOISE = randomBytes(60);

const contents = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.string(), fc.nat({ max: 300 })).map(([text, times]) => Buffer.from(text.repeat(times))),
  ),
  { maxLength: 8 },
);
const pieceLengths = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 });

describe('a payload', () => {
  it('gives the same frames however it is split', () => {
    fc.assert(
      fc.property(contents, pieceLengths, (sent, lengths) => {
        const received = receive(inPieces(payloadOf(sent), lengths), sent.map(sha256));
        expect(received).toEqual(sent);
      }),
    );
  });

  it('gives each frame as soon as its last byte is there', () => {
    const payload = payloadOf([TEXT, NOISE]);
    const decoder = new FrameDecoder();
    const arrivals: number[] = [];
    for (let position = 0; position < payload.length; position++) {
      for (const { header } of decoder.push(payload.subarray(position, position + 1))) {
        arrivals.push(position + 1);
        expect(decoder.pendingBytes).toBe(0);
        expect(header.number).toBe(arrivals.length - 1);
      }
    }
    const first = FRAME_HEADER_BYTES + frameOf(TEXT).block.length;
    const second = first + FRAME_HEADER_BYTES + NOISE.length;
    expect(arrivals).toEqual([first, second, second + FRAME_HEADER_BYTES]);
  });

  it('is refused when it is cut off anywhere', () => {
    const payload = payloadOf([TEXT, NOISE]);
    for (let length = 0; length < payload.length; length++) {
      const { code } = refusalOf(() => receive([payload.subarray(0, length)], [TEXT, NOISE].map(sha256)));
      expect(code).toBe('FRAME_INVALID');
    }
  });

  it.each([
    ['compressed', TEXT],
    ['not compressed', NOISE],
  ])('is refused or unchanged when any one bit of it is flipped, %s', (_, content) => {
    const payload = payloadOf([content]);
    const unchanged = new Set<number>();
    for (let bit = 0; bit < payload.length * 8; bit++) {
      const flipped = Buffer.from(payload);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      try {
        expect(receive([flipped], [sha256(content)])).toEqual([content]);
        unchanged.add(bit >> 3);
      } catch (error) {
        if (!(error instanceof RivuletError)) throw error;
      }
    }
    // Only these bytes of a header may change unnoticed: table and rows.
    const inFirstHeader = [...unchanged].filter((offset) => offset < FRAME_HEADER_BYTES);
    expect(inFirstHeader).toEqual([2, 3, 8, 9, 10, 11]);
  });

  it('may be empty but for its end frame', () => {
    expect(receive([encodeEndFrame(0)], [])).toEqual([]);
  });
});

describe('the decoder', () => {
  const { header } = frameOf(TEXT);

  function announcing(contentBytes: number): Buffer {
    return encodeFrameHeader({ ...header, contentBytes });
  }

  it('counts what has arrived of a frame that is not complete', () => {
    const decoder = new FrameDecoder();
    const bytes = Buffer.concat([encodeFrameHeader(header), frameOf(TEXT).block]);
    for (const length of [1, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + 1, bytes.length - 1]) {
      decoder.push(bytes.subarray(decoder.pendingBytes, length));
      expect(decoder.pendingBytes).toBe(length);
    }
    expect(decoder.push(bytes.subarray(-1)).length).toBe(1);
    expect(decoder.pendingBytes).toBe(0);
  });

  it.each([
    ['content', { contentBytes: FRAME_CONTENT_MAX_BYTES + 1 }],
    ['block', { blockBytes: FRAME_CONTENT_MAX_BYTES + 1 }],
  ])('refuses a %s that is too large before any of it arrives', (_, change) => {
    const decoder = new FrameDecoder();
    const bytes = encodeFrameHeader({ ...header, ...change });
    expect(refusalOf(() => decoder.push(bytes)).code).toBe('LIMIT_EXCEEDED');
  });

  it.each([
    ['64 KiB', 65_536, CHUNK_MAX_BYTES + 2 * PATCH_TARGET_BYTES],
    ['40 MiB', 41_943_040, 41_943_040 + 2 * PATCH_TARGET_BYTES],
  ])('told to take rows of %s takes a chunk, or a patch with such a row, and no more', (_, row, most) => {
    expect(new FrameDecoder(row).push(announcing(most))).toEqual([]);
    const refusal = refusalOf(() => new FrameDecoder(row).push(announcing(most + 1)));
    expect(refusal.code).toBe('LIMIT_EXCEEDED');
    expect(refusal.message).toContain(`${most + 1} bytes`);
    expect(refusal.nextStep).toContain('EDGE_MAX_ROW_BYTES');
  });

  it('takes buffers without bytes', () => {
    const decoder = new FrameDecoder();
    const payload = payloadOf([TEXT]);
    expect(decoder.push(Buffer.alloc(0))).toEqual([]);
    expect(decoder.push(payload.subarray(0, 60))).toEqual([]);
    expect(decoder.push(Buffer.alloc(0))).toEqual([]);
    expect(decoder.push(payload.subarray(60)).map((frame) => frame.header.kind)).toEqual(['chunk', 'end']);
  });
});
