import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, deflate, inflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { freeMemory, ownCopyOf } from '../chunks/free-memory';
import { BLOCK_MAX_WINDOW_LOG, frameContentMaxBytes, ROW_MAX_BYTES } from '../version/limits';
import { RivuletError } from '@rivulet/errors';

/**
 * Part of a payload: a fixed header and a block. All numbers are unsigned, big-endian.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 1 | kind: 1 chunk · 2 patch · 127 end of the payload |
 * | 1 | 1 | encoding of the block: 0 none · 1 zstd (RFC 8878) · 2 zlib (RFC 1950), for clients that ask for it |
 * | 2 | 2 | table: its position in the manifest, from 0 |
 * | 4 | 4 | number of the frame in the plan, from 0 |
 * | 8 | 4 | rows; in a patch, those to insert or update |
 * | 12 | 4 | bytes of the content, decoded |
 * | 16 | 4 | bytes of the block that follows |
 * | 20 | 32 | SHA-256 of the content, decoded |
 *
 * The end frame has the number of frames in the plan, and zeros for the rest.
 */
export interface FrameHeader {
  kind: FrameKind;
  encoding: BlockEncoding;
  table: number;
  number: number;
  rows: number;
  contentBytes: number;
  blockBytes: number;
  digest: Buffer;
}

export type FrameKind = keyof typeof kinds;

export interface Frame {
  header: FrameHeader;
  block: Buffer;
}

const encodings = ['none', 'zstd', 'zlib'] as const;

export type BlockEncoding = (typeof encodings)[number];

/** Content in its stored and transmitted form. */
export interface Block {
  encoding: BlockEncoding;
  block: Buffer;
}

export const FRAME_HEADER_BYTES = 52;
export const FRAMES_CONTENT_TYPE = 'application/vnd.rivulet.frames';
/** The content type of a payload whose blocks are compressed with zlib. */
export const ZLIB_FRAMES_CONTENT_TYPE = `${FRAMES_CONTENT_TYPE}; blocks=zlib`;

const kinds = { chunk: 1, patch: 2, end: 127 } as const;
const kindNames = new Map<number, FrameKind>(
  Object.entries(kinds).map(([name, kind]) => [kind, name as FrameKind]),
);
const NO_DIGEST = Buffer.alloc(32);

const RAISE_THE_LIMIT =
  'Nothing was applied. Raise EDGE_MAX_ROW_BYTES on this device to the value of CENTRAL_MAX_ROW_BYTES at central, or ' +
  'remove the large column from the dataset.';

/**
 * Level 3 with small match tables: they forget distant matches, but rows resemble their neighbours. The result is 2 %
 * smaller, in 8 % less time.
 */
const compression = {
  [constants.ZSTD_c_compressionLevel]: 3,
  [constants.ZSTD_c_strategy]: constants.ZSTD_dfast,
  [constants.ZSTD_c_hashLog]: 13,
  [constants.ZSTD_c_chainLog]: 13,
  [constants.ZSTD_c_minMatch]: 5,
};

/** zstd takes memory for as much as it may be given, unless it is told; a window of more than 8 MiB is refused when inflated. */
const TOLD_MAX_BYTES = 1024 * 1024;

/** Content that does not shrink grows by a few bytes. */
const GROWTH_BYTES = 64;

/**
 * Compresses content with zstd; content that does not shrink is kept uncompressed.
 *
 * Blocks for 0.16 ms a chunk. The asynchronous form took 1.4 times as long; see docs/adr/0006.
 */
export function encodeBlock(content: Buffer): Block {
  const compressed = zstdCompressSync(content, {
    params: compression,
    // In one piece: of several Node makes one, and leaves them to the garbage collector.
    chunkSize: content.length + GROWTH_BYTES,
    ...(content.length <= TOLD_MAX_BYTES && { pledgedSrcSize: content.length }),
  });
  const shrinks = compressed.length < content.length;
  const block = shrinks ? ownCopyOf(compressed) : content;
  freeMemory(compressed);
  return { encoding: shrinks ? 'zstd' : 'none', block };
}

const deflateAsync = promisify(deflate);

/** The same with zlib, on a thread of libuv: 0.5 ms a chunk. The fastest level, as the block is made for one answer. */
export async function encodeZlibBlock(content: Buffer): Promise<Block> {
  const compressed = await deflateAsync(content, { level: constants.Z_BEST_SPEED });
  if (compressed.length >= content.length) return { encoding: 'none', block: content };
  return { encoding: 'zlib', block: compressed };
}

/**
 * The content of a frame, decoded and checked against its digest. Never more than `contentBytes` is inflated.
 *
 * @throws RivuletError FRAME_INVALID
 */
export function decodeFrame(frame: Frame): Buffer {
  const { header, block } = frame;
  const content = header.encoding === 'none' ? block : inflate(header, block);
  const digest = hash('sha256', content, 'buffer');
  if (content.length !== header.contentBytes || !digest.equals(header.digest)) {
    throw new RivuletError(
      'FRAME_INVALID',
      `The content of frame ${header.number} does not have its digest.`,
    );
  }
  return content;
}

function inflate(header: FrameHeader, block: Buffer): Buffer {
  const { contentBytes, encoding } = header;
  // One output buffer for all of it; zlib requires at least 64 bytes. A full one would be followed by a second.
  const limits = { maxOutputLength: contentBytes, chunkSize: Math.max(64, contentBytes + 1) };
  const params = { [constants.ZSTD_d_windowLogMax]: BLOCK_MAX_WINDOW_LOG };
  try {
    return encoding === 'zlib'
      ? inflateSync(block, limits)
      : zstdDecompressSync(block, { ...limits, params });
  } catch (error) {
    const message = `The block of frame ${header.number} is not ${encoding} of ${contentBytes} bytes.`;
    throw new RivuletError('FRAME_INVALID', message, { cause: error });
  }
}

export function encodeFrameHeader(header: FrameHeader): Buffer {
  // Every byte of it is written.
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  bytes.writeUInt8(kinds[header.kind], 0);
  bytes.writeUInt8(encodings.indexOf(header.encoding), 1);
  bytes.writeUInt16BE(header.table, 2);
  bytes.writeUInt32BE(header.number, 4);
  bytes.writeUInt32BE(header.rows, 8);
  bytes.writeUInt32BE(header.contentBytes, 12);
  bytes.writeUInt32BE(header.blockBytes, 16);
  header.digest.copy(bytes, 20);
  return bytes;
}

/** The frame that ends a payload; `frames` counts all frames of the plan. */
export function encodeEndFrame(frames: number): Buffer {
  return encodeFrameHeader({
    kind: 'end',
    encoding: 'none',
    table: 0,
    number: frames,
    rows: 0,
    contentBytes: 0,
    blockBytes: 0,
    digest: NO_DIGEST,
  });
}

/**
 * @param maxRowBytes the largest accepted row
 * @throws RivuletError FRAME_INVALID · LIMIT_EXCEEDED
 */
export function decodeFrameHeader(bytes: Buffer, maxRowBytes = ROW_MAX_BYTES): FrameHeader {
  const kindByte = bytes.readUInt8(0);
  const kind = kindNames.get(kindByte);
  const encodingByte = bytes.readUInt8(1);
  const encoding = encodings[encodingByte];
  if (kind === undefined || encoding === undefined) {
    throw new RivuletError(
      'FRAME_INVALID',
      `The payload has a frame of unknown kind ${kindByte}/${encodingByte}.`,
    );
  }
  const header: FrameHeader = {
    kind,
    encoding,
    table: bytes.readUInt16BE(2),
    number: bytes.readUInt32BE(4),
    rows: bytes.readUInt32BE(8),
    contentBytes: bytes.readUInt32BE(12),
    blockBytes: bytes.readUInt32BE(16),
    digest: Buffer.from(bytes.subarray(20, FRAME_HEADER_BYTES)),
  };
  const maxBytes = frameContentMaxBytes(maxRowBytes);
  if (Math.max(header.contentBytes, header.blockBytes) > maxBytes) {
    throw new RivuletError(
      'LIMIT_EXCEEDED',
      `Frame ${header.number} announces ${header.contentBytes} bytes in a block of ${header.blockBytes}; ` +
        `at most ${maxBytes} are accepted, for rows of up to ${maxRowBytes}.`,
      { nextStep: RAISE_THE_LIMIT },
    );
  }
  return header;
}
