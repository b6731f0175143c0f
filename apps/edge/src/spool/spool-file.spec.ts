import { hash } from 'node:crypto';
import { appendFile, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeBlock,
  encodeEndFrame,
  FRAME_HEADER_BYTES,
  ROW_MAX_BYTES,
  type Frame,
} from '@rivulet/protocol';
import { SpoolFile } from './spool-file';

let directory: string;
let path: string;
const opened: SpoolFile[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivulet-spool-'));
  path = join(directory, 'made', 'on', 'demand', 'edge.spool');
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(opened.splice(0).map((spool) => spool.close()));
  await rm(directory, { recursive: true });
});

async function openSpool(maxRowBytes?: number): Promise<SpoolFile> {
  const spool = await SpoolFile.open(path, maxRowBytes);
  opened.push(spool);
  await spool.recover();
  return spool;
}

function frameOf(text: string): Frame {
  const content = Buffer.from(text);
  const { encoding, block } = encodeBlock(content);
  const digest = hash('sha256', content, 'buffer');
  const sizes = { rows: 1, contentBytes: content.length, blockBytes: block.length };
  return { header: { kind: 'chunk', encoding, table: 0, number: 0, ...sizes, digest }, block };
}

function digestOf(frame: Frame): string {
  return frame.header.digest.toString('hex');
}

const short = frameOf('1\tAda\n');
const long = frameOf('2\tGrace\n'.repeat(1_000));
const other = frameOf('3\tEdsger\n'.repeat(10));

async function textOf(spool: SpoolFile, frame: Frame): Promise<string> {
  return (await spool.read(digestOf(frame))).toString();
}

/** Flips a bit at the offset, counted from the end when it is negative. */
async function flipBit(offset: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset < 0 ? bytes.length + offset : offset]! ^= 0x40;
  await writeFile(path, bytes);
}

/** The next write of any file takes this many bytes, and the one after it fails. */
async function fillDiskAfter(bytes: number): Promise<void> {
  const file = await open(join(directory, 'any'), 'w');
  const prototype = Object.getPrototypeOf(file) as Record<'write', (...args: unknown[]) => Promise<unknown>>;
  await file.close();
  const { write } = prototype;
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  jest
    .spyOn(prototype, 'write')
    .mockImplementationOnce(function (this: unknown, data, offset, _length, position) {
      return write.call(this, data, offset, bytes, position);
    })
    .mockRejectedValueOnce(full);
}

describe('the spool', () => {
  it('gives back what was put into it, by digest', async () => {
    const spool = await openSpool();
    await spool.append([short, long]);
    await spool.append([other]);

    expect(await textOf(spool, long)).toBe('2\tGrace\n'.repeat(1_000));
    expect(await textOf(spool, other)).toBe('3\tEdsger\n'.repeat(10));
    expect(spool.has(digestOf(short))).toBe(true);
    expect(spool.has(digestOf(frameOf('4\tBarbara\n')))).toBe(false);
    expect(spool.bytes).toBe((await stat(path)).size);
    expect(spool.bytesOf([digestOf(short), 'of another'])).toBe(FRAME_HEADER_BYTES + short.block.length);
  });

  it('survives a restart', async () => {
    await (await openSpool()).append([short, long]);

    const reopened = await openSpool();
    await reopened.append([other]);

    expect(await textOf(reopened, short)).toBe('1\tAda\n');
    expect(await textOf(reopened, other)).toBe('3\tEdsger\n'.repeat(10));
  });

  it('keeps chunks and patches, and no end frame', async () => {
    const patch: Frame = { ...short, header: { ...short.header, kind: 'patch' } };
    await (await openSpool()).append([patch, long]);
    await appendFile(path, encodeEndFrame(2));

    const reopened = await openSpool();

    expect(reopened.bytesOf([digestOf(patch), digestOf(long)])).toBe(reopened.bytes);
    expect(reopened.contentBytesOf([digestOf(patch), digestOf(long), 'of another'])).toBe(6 + 8_000);
    expect((await stat(path)).size).toBe(reopened.bytes);
  });

  it.each([1, FRAME_HEADER_BYTES - 1, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + 3])(
    'cuts off a frame of which only %i bytes reached the disk',
    async (bytes) => {
      await (await openSpool()).append([short, long]);
      const whole = await readFile(path);
      const begin = FRAME_HEADER_BYTES + short.block.length;
      await writeFile(path, whole.subarray(0, begin + bytes));

      const reopened = await openSpool();

      expect(reopened.bytes).toBe(begin);
      expect(reopened.has(digestOf(long))).toBe(false);
      await reopened.append([long]);
      expect(await readFile(path)).toEqual(whole);
    },
  );

  it('cuts off the zeros that a power cut leaves', async () => {
    await (await openSpool()).append([short]);
    await appendFile(path, Buffer.alloc(10_000));

    const reopened = await openSpool();

    expect(reopened.bytes).toBe(FRAME_HEADER_BYTES + short.block.length);
    expect(await textOf(reopened, short)).toBe('1\tAda\n');
  });

  it('leaves out the one chunk that was damaged since, and no other', async () => {
    await (await openSpool()).append([short, long, other]);
    await flipBit(FRAME_HEADER_BYTES + short.block.length + FRAME_HEADER_BYTES + 20);

    const reopened = await openSpool();

    expect([short, long, other].map((frame) => reopened.has(digestOf(frame)))).toEqual([true, false, true]);
    await reopened.append([long]);
    expect(await textOf(reopened, long)).toBe('2\tGrace\n'.repeat(1_000));
  });

  it('gives back rows as large as it was told to take, and fetches them again when it takes less', async () => {
    const large = frameOf(`4\t${'x'.repeat(ROW_MAX_BYTES * 1.1)}\n`);
    const taking = await openSpool(2 * ROW_MAX_BYTES);
    await taking.append([short, large, long]);
    await taking.recover();
    expect((await taking.read(digestOf(large))).length).toBe(large.header.contentBytes);

    const reopened = await openSpool();

    expect([short, large].map((frame) => reopened.has(digestOf(frame)))).toEqual([true, false]);
    await reopened.append([long]);
    expect(await textOf(reopened, long)).toBe('2\tGrace\n'.repeat(1_000));
  });

  it.each([
    ['the kind', 0],
    ['the size', 16],
    ['the digest', 30],
    ['the block', -1],
  ])('refuses a chunk with a flipped bit in %s, and forgets it', async (_, offset) => {
    const spool = await openSpool();
    await spool.append([long]);
    await flipBit(offset);

    await expect(spool.read(digestOf(long))).rejects.toMatchObject({ code: 'FRAME_INVALID' });

    expect(spool.has(digestOf(long))).toBe(false);
    await expect(spool.read(digestOf(long))).rejects.toMatchObject({ code: 'FRAME_INVALID' });
  });

  it('refuses a chunk that is no longer there', async () => {
    const spool = await openSpool();
    await spool.append([long]);
    await writeFile(path, '');

    await expect(spool.read(digestOf(long))).rejects.toMatchObject({ code: 'FRAME_INVALID' });
  });

  it('is empty after it was cleared, also on the disk', async () => {
    const spool = await openSpool();
    await spool.append([short, long]);
    await spool.clear();

    expect(spool.has(digestOf(short))).toBe(false);
    expect(spool.bytes).toBe(0);
    expect((await stat(path)).size).toBe(0);
    await spool.append([other]);
    expect(await textOf(spool, other)).toBe('3\tEdsger\n'.repeat(10));
  });

  it('gives back the room of frames that nobody names, and keeps the others', async () => {
    const spool = await openSpool();
    await spool.append([short, long, other]);

    await spool.keepOnly(new Set([digestOf(other), digestOf(short), 'of another']));

    expect(spool.has(digestOf(long))).toBe(false);
    expect((await stat(path)).size).toBe(2 * FRAME_HEADER_BYTES + short.block.length + other.block.length);
    expect(await textOf(spool, other)).toBe('3\tEdsger\n'.repeat(10));
    await spool.append([long]);
    const reopened = await openSpool();
    for (const frame of [short, long, other]) expect(reopened.has(digestOf(frame))).toBe(true);
  });

  it('is emptied when even that needs room and there is none', async () => {
    const spool = await openSpool();
    await spool.append([long, other, short]);
    await fillDiskAfter(FRAME_HEADER_BYTES);

    await spool.keepOnly(new Set([digestOf(other), digestOf(short)]));

    expect(spool.bytes).toBe(0);
    await spool.append([other, short]);
    expect(await textOf(await openSpool(), other)).toBe('3\tEdsger\n'.repeat(10));
  });

  it('lets nobody else read the rows', async () => {
    await openSpool();

    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});

describe('the spool on a disk that is full', () => {
  it('says so, keeps what it had, and goes on when there is room again', async () => {
    const spool = await openSpool();
    await spool.append([short]);
    const before = spool.bytes;
    await fillDiskAfter(60);

    await expect(spool.append([long])).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining(path) as string,
    });

    expect(spool.has(digestOf(long))).toBe(false);
    expect((await stat(path)).size).toBe(before);
    await spool.append([other]);
    expect(await textOf(spool, short)).toBe('1\tAda\n');
    expect(await textOf(spool, other)).toBe('3\tEdsger\n'.repeat(10));
    expect(await textOf(await openSpool(), other)).toBe('3\tEdsger\n'.repeat(10));
  });

  it('names what is needed and what is free before a download that does not fit', async () => {
    const spool = await openSpool();

    await expect(spool.requireRoom(2 ** 53)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringMatching(/needs 8589934592\.0 MiB in .*, where [\d.]+ MiB are free/) as string,
    });
    await expect(spool.requireRoom(1)).resolves.toBeUndefined();
  });
});

describe('the spool of two edge processes', () => {
  it('is not disturbed by a start of the second during a download of the first', async () => {
    const first = await openSpool();
    await first.append([short]);
    opened.push(await SpoolFile.open(path));
    await first.append([long]);

    expect(await textOf(first, short)).toBe('1\tAda\n');
    expect(await textOf(first, long)).toBe('2\tGrace\n'.repeat(1_000));
  });

  it('gives each what the other left, when its turn comes', async () => {
    const first = await openSpool();
    const second = await openSpool();
    await first.append([short, long]);
    await second.recover();
    expect(await textOf(second, long)).toBe('2\tGrace\n'.repeat(1_000));

    await second.clear();
    await second.append([other]);
    await first.recover();

    expect(first.has(digestOf(long))).toBe(false);
    expect(await textOf(first, other)).toBe('3\tEdsger\n'.repeat(10));
  });
});
