import { randomBytes } from 'node:crypto';
import { deflateSync, zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { frameOf } from '../../test/payload';
import { refusalOf } from '../../test/refusal';
import {
  decodeFrame,
  decodeFrameHeader,
  encodeBlock,
  encodeEndFrame,
  encodeFrameHeader,
  encodeZlibBlock,
  FRAME_HEADER_BYTES,
  type FrameHeader,
} from './frame';
import { frameContentMaxBytes, ROW_MAX_BYTES } from '../version/limits';

const FRAME_CONTENT_MAX_BYTES = frameContentMaxBytes(ROW_MAX_BYTES);
const TEXT = Buffer.from('1\tthe same text again\n'.repeat(100));
const NOISE = randomBytes(1_000);

const header: fc.Arbitrary<FrameHeader> = fc.record({
  kind: fc.constantFrom('chunk', 'patch', 'end'),
  encoding: fc.constantFrom('none', 'zstd', 'zlib'),
  table: fc.nat({ max: 2 ** 16 - 1 }),
  number: fc.nat({ max: 2 ** 32 - 1 }),
  rows: fc.nat({ max: 2 ** 32 - 1 }),
  contentBytes: fc.nat({ max: FRAME_CONTENT_MAX_BYTES }),
  blockBytes: fc.nat({ max: FRAME_CONTENT_MAX_BYTES }),
  digest: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
});

describe('a frame header', () => {
  it('is the same after a round trip', () => {
    fc.assert(
      fc.property(header, (fields) => {
        const bytes = encodeFrameHeader(fields);
        expect(bytes.length).toBe(FRAME_HEADER_BYTES);
        expect(decodeFrameHeader(bytes)).toEqual(fields);
      }),
    );
  });

  it('stays the same when the buffer it was read from is used again', () => {
    const bytes = encodeFrameHeader(frameOf(TEXT).header);
    const read = decodeFrameHeader(bytes);
    bytes.fill(0);
    expect(read).toEqual(frameOf(TEXT).header);
  });

  it('ends a payload with the number of frames and zeros', () => {
    const { kind, number, digest, ...rest } = decodeFrameHeader(encodeEndFrame(123_456));
    expect({ kind, number }).toEqual({ kind: 'end', number: 123_456 });
    expect(digest).toEqual(Buffer.alloc(32));
    expect(rest).toEqual({ encoding: 'none', table: 0, rows: 0, contentBytes: 0, blockBytes: 0 });
  });

  it.each([0, 3, 126, 128, 255])('is refused when its kind is %d', (kind) => {
    const bytes = encodeFrameHeader(frameOf(TEXT).header);
    bytes.writeUInt8(kind, 0);
    expect(refusalOf(() => decodeFrameHeader(bytes)).code).toBe('FRAME_INVALID');
  });

  it.each([3, 255])('is refused when its encoding is %d', (encoding) => {
    const bytes = encodeFrameHeader(frameOf(TEXT).header);
    bytes.writeUInt8(encoding, 1);
    expect(refusalOf(() => decodeFrameHeader(bytes)).code).toBe('FRAME_INVALID');
  });

  it.each<[string, Partial<FrameHeader>]>([
    ['content', { contentBytes: FRAME_CONTENT_MAX_BYTES + 1 }],
    ['block', { blockBytes: FRAME_CONTENT_MAX_BYTES + 1 }],
  ])('is refused when it announces a larger %s than any may be', (_, change) => {
    const bytes = encodeFrameHeader(frameOf(TEXT, change).header);
    expect(refusalOf(() => decodeFrameHeader(bytes)).code).toBe('LIMIT_EXCEEDED');
  });
});

describe('a block', () => {
  it('gives back its content', () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 5_000 }).map((bytes) => Buffer.from(bytes)),
      fc.tuple(fc.string(), fc.nat({ max: 2_000 })).map(([text, times]) => Buffer.from(text.repeat(times))),
    );
    fc.assert(
      fc.property(content, (bytes) => {
        expect(decodeFrame(frameOf(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each([
    ['a row that compresses', Buffer.alloc(ROW_MAX_BYTES)],
    ['a row that does not', randomBytes(ROW_MAX_BYTES)],
    ['a patch that does not', randomBytes(FRAME_CONTENT_MAX_BYTES)],
  ])('holds content of the largest size: %s', (_, row) => {
    const { header: fields, block } = frameOf(row);
    expect(decodeFrame({ header: decodeFrameHeader(encodeFrameHeader(fields)), block }).equals(row)).toBe(
      true,
    );
  });

  it('is zstd when that is smaller', () => {
    const { encoding, block } = encodeBlock(TEXT);
    expect(encoding).toBe('zstd');
    expect(block.length).toBeLessThan(TEXT.length / 10);
  });

  it.each([
    ['does not shrink', NOISE],
    ['is a single byte', Buffer.from('\n')],
    ['is empty', Buffer.alloc(0)],
  ])('is the content itself when that %s', (_, content) => {
    expect(encodeBlock(content)).toEqual({ encoding: 'none', block: content });
  });

  it('gives back its content also from zlib', async () => {
    const { encoding, block } = await encodeZlibBlock(TEXT);
    expect(encoding).toBe('zlib');
    expect(block.length).toBeLessThan(TEXT.length / 10);
    const { header: fields } = frameOf(TEXT, { encoding, blockBytes: block.length });
    expect(decodeFrame({ header: decodeFrameHeader(encodeFrameHeader(fields)), block })).toEqual(TEXT);
    expect(await encodeZlibBlock(NOISE)).toEqual({ encoding: 'none', block: NOISE });
  });
});

describe('the content of a frame', () => {
  const other = Buffer.from(TEXT);
  other.writeUInt8(0x32, 0);

  it.each<[string, Buffer, Partial<FrameHeader>]>([
    ['has another digest', TEXT, { digest: frameOf(other).header.digest }],
    ['has another digest, and is not compressed', NOISE, { digest: frameOf(other).header.digest }],
    ['is shorter than promised', TEXT, { contentBytes: TEXT.length + 1 }],
    ['is longer than promised', TEXT, { contentBytes: TEXT.length - 1 }],
    ['should be empty and is not', TEXT, { contentBytes: 0 }],
    ['is longer than promised, and is not compressed', NOISE, { contentBytes: NOISE.length - 1 }],
    ['is zstd and said not to be', TEXT, { encoding: 'none' }],
    ['is said to be zstd and is not', NOISE, { encoding: 'zstd' }],
    ['is said to be zlib and is not', TEXT, { encoding: 'zlib' }],
  ])('is refused when it %s', (_, content, change) => {
    const error = refusalOf(() => decodeFrame(frameOf(content, { number: 17, ...change })));
    expect(error.code).toBe('FRAME_INVALID');
    expect(error.message).toContain('frame 17 ');
  });

  it('is refused when its block ends too early', () => {
    const { header: promised, block } = frameOf(TEXT);
    for (let length = 0; length < block.length; length++) {
      const cutShort = { header: promised, block: block.subarray(0, length) };
      expect(refusalOf(() => decodeFrame(cutShort)).code).toBe('FRAME_INVALID');
    }
  });

  it.each([
    ['zstd', zstdCompressSync],
    ['zlib', deflateSync],
  ] as const)(
    'is inflated no further than promised, however much the block of %s holds',
    (encoding, compress) => {
      const bomb = compress(Buffer.alloc(64 * 1024 * 1024));
      const { header: promised } = frameOf(TEXT, { encoding, blockBytes: bomb.length });
      const before = process.memoryUsage();
      const error = refusalOf(() => decodeFrame({ header: promised, block: bomb }));
      const after = process.memoryUsage();
      expect(error.code).toBe('FRAME_INVALID');
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1024 * 1024);
    },
  );

  it('is refused when the block asks for a larger window than 8 MiB', () => {
    // RFC 8878, 3.1.1: magic number, descriptor, window; then one last block, raw.
    const content = Buffer.from('1\ta\n');
    const decode = (windowLog: number): Buffer => {
      const head = [0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, (content.length << 3) | 1, 0, 0];
      const block = Buffer.concat([Buffer.from(head), content]);
      return decodeFrame({ ...frameOf(content, { encoding: 'zstd', blockBytes: block.length }), block });
    };
    expect(decode(23).equals(content)).toBe(true);
    expect(refusalOf(() => decode(24)).code).toBe('FRAME_INVALID');
  });
});
