import { hash, randomBytes } from 'node:crypto';
import { decodeFrame, encodeBlock, type Frame } from '@rivulet/protocol';
import { acceptedCompression, ZlibBlocks } from './block-compression';

describe('a client', () => {
  it.each([
    'application/vnd.rivulet.frames; blocks=zlib',
    'application/vnd.rivulet.frames;blocks=zlib',
    'application/json, Application/VND.Rivulet.frames; q=0.5; Blocks="zlib"',
    'application/vnd.rivulet.frames; blocks=brotli, application/vnd.rivulet.frames; blocks=zlib, */*',
  ])('that accepts %s gets zlib', (accept) => {
    expect(acceptedCompression(accept)).toBe('zlib');
  });

  it.each([
    undefined,
    '',
    '*/*',
    'application/json, application/problem+json, application/vnd.rivulet.frames',
    'application/vnd.rivulet.frames; blocks=zstd',
    'application/vnd.rivulet.frames; blocks=zstd, application/vnd.rivulet.frames; blocks=zlib',
    'application/vnd.rivulet.frames; blocks=zlibs',
    'application/json; blocks=zlib',
  ])('that accepts %s gets zstd', (accept) => {
    expect(acceptedCompression(accept)).toBe('zstd');
  });
});

function storedFrame(content: Buffer, number: number): Frame {
  const { encoding, block } = encodeBlock(content);
  const sizes = { contentBytes: content.length, blockBytes: block.length };
  const digest = hash('sha256', content, 'buffer');
  return { header: { kind: 'chunk', encoding, table: 0, number, rows: 1, ...sizes, digest }, block };
}

describe('a stored block', () => {
  it('has the same content in zlib, whoever else asks at the same time', async () => {
    const contents = Array.from({ length: 20 }, (_, number) =>
      Buffer.from(`${number}\tthe same\n`.repeat(900)),
    );
    const zlibBlocks = new ZlibBlocks();
    const frames = await Promise.all(
      contents.map((content, number) => zlibBlocks.recompress(storedFrame(content, number))),
    );
    expect(frames.map(({ header }) => header.encoding)).toEqual(contents.map(() => 'zlib'));
    expect(frames.map(({ header, block }) => header.blockBytes === block.length)).not.toContain(false);
    expect(frames.map((frame) => decodeFrame(frame).toString())).toEqual(contents.map(String));
  });

  it('that is not compressed stays as it is', async () => {
    const frame = storedFrame(randomBytes(1_000), 0);
    expect(await new ZlibBlocks().recompress(frame)).toBe(frame);
  });

  it('that is damaged fails alone', async () => {
    const zlibBlocks = new ZlibBlocks();
    const good = storedFrame(Buffer.from('the same\n'.repeat(900)), 1);
    const damaged = { ...good, block: good.block.subarray(0, 20) };
    const [first, second] = await Promise.allSettled([
      zlibBlocks.recompress(damaged),
      zlibBlocks.recompress(good),
    ]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
  });
});
