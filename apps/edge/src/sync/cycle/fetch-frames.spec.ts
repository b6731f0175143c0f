import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import { plannedFrames, type Frame, type FrameRange, type SyncPlan } from '@rivulet/protocol';
import { FakeHub, numberedTexts, type FakeDataset } from '@rivulet/testing';
import { SpoolFile } from '../../spool/spool-file';
import { bytesToFetch, fetchMissing, missingFrames } from './fetch-frames';
import type { PlannedFrame } from '../../mirrors/plan-tables';

const call = { cycleId: '01KAJ9V9RW4C7ZK3DYE7V1NB2S', signal: new AbortController().signal };

let directory: string;
let spool: SpoolFile;
let central: FakeHub;
let manifestId: string;
let plan: SyncPlan;
let fetchedBytes: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivulet-download-'));
  spool = await SpoolFile.open(join(directory, 'edge.spool'));
  central = await FakeHub.create('48:b0:2d:e9:c3:b7');
  fetchedBytes = 0;
  await publish([numberedTexts('names', numbered(10))]);
});
afterEach(async () => {
  await spool.close();
  await rm(directory, { recursive: true });
});

async function publish(datasets: FakeDataset[]): Promise<void> {
  central.datasets = datasets;
  const answer = await central.request({ protocolVersion: 1, nonce: 'q83vEjRWeJCrze8SNFZ4kA', tables: [] });
  if (answer.status !== 'update') throw new Error('It is not an update.');
  const payload = Buffer.from(answer.manifest.split('.')[1]!, 'base64url').toString();
  manifestId = (JSON.parse(payload) as { manifestId: string }).manifestId;
  plan = answer.plan;
}

/** Each is a chunk of its own: no two fit into the largest one. */
function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index} `.repeat(80_000));
}

/** All frames of the plan. */
function wanted(): PlannedFrame[] {
  return plannedFrames(plan).map((digest, number) => ({ number, digest }));
}

function fetch(): Promise<void> {
  return fetchMissing(central, manifestId, wanted(), spool, call, (bytes) => (fetchedBytes += bytes));
}

async function framesOf(ranges: FrameRange[]): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const batch of central.frames(manifestId, ranges)) frames.push(...batch);
  central.fetches.length = 0;
  return frames;
}

/** Replaces central's next answers, whatever it is asked for. */
function sendInstead(...batches: (Frame[] | Error)[]): void {
  jest.spyOn(central, 'frames').mockImplementationOnce(async function* (_, ranges) {
    central.fetches.push(ranges);
    for (const batch of batches) {
      await Promise.resolve();
      if (batch instanceof Error) throw batch;
      yield batch;
    }
  });
}

const broken = new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.');

describe('a download', () => {
  it('fetches every chunk of the plan once, and nothing when all is there', async () => {
    expect(missingFrames(wanted(), spool).size).toBe(10);
    await fetch();

    expect(central.fetches).toEqual([[{ first: 0, last: 9 }]]);
    expect(fetchedBytes).toBe(plan.wireBytes);
    expect(missingFrames(wanted(), spool).size).toBe(0);
    await fetch();
    expect(central.fetches).toHaveLength(1);
  });

  it('asks for the missing frames alone', async () => {
    await spool.append(
      await framesOf([
        { first: 0, last: 1 },
        { first: 5, last: 5 },
      ]),
    );
    expect(bytesToFetch(plan, wanted(), spool)).toBe(plan.wireBytes - spool.bytes);

    await fetch();

    expect(central.fetches).toEqual([
      [
        { first: 2, last: 4 },
        { first: 6, last: 9 },
      ],
    ]);
    expect(bytesToFetch(plan, wanted(), spool)).toBe(0);
  });

  it('leaves out frames that are not wanted, and takes them for as large as the others', async () => {
    const some = wanted().slice(0, 5);
    expect(bytesToFetch(plan, some, spool)).toBe(Math.ceil(plan.wireBytes / 2));
    expect(bytesToFetch(plan, [], spool)).toBe(0);

    await fetchMissing(central, manifestId, some, spool, call, (bytes) => (fetchedBytes += bytes));

    expect(central.fetches).toEqual([[{ first: 0, last: 4 }]]);
    expect(bytesToFetch(plan, some, spool)).toBe(0);
  });

  it('does not fetch again what a break left behind, also after a restart and for a later manifest', async () => {
    sendInstead(...(await framesOf([{ first: 0, last: 3 }])).map((frame) => [frame]), broken);
    await expect(fetch()).rejects.toBe(broken);
    await spool.close();
    spool = await SpoolFile.open(join(directory, 'edge.spool'));
    await spool.recover();
    await publish([numberedTexts('names', numbered(12))]);

    await fetch();

    expect(central.fetches).toEqual([[{ first: 0, last: 9 }], [{ first: 4, last: 11 }]]);
    expect(missingFrames(wanted(), spool).size).toBe(0);
  });

  it('fetches a chunk that two tables share once', async () => {
    const shared = numberedTexts('first', numbered(3));
    await publish([shared, { ...shared, name: 'second', table: 'second' }]);

    await fetch();

    expect(central.fetches).toEqual([[{ first: 0, last: 2 }]]);
    expect(missingFrames(wanted(), spool).size).toBe(0);
  });

  it('asks in several requests where the gaps are many', async () => {
    await publish([numberedTexts('names', numbered(310))]);
    const even = Array.from({ length: 155 }, (_, index) => ({ first: 2 * index, last: 2 * index }));
    await spool.append(await framesOf(even));

    await fetch();

    expect(central.fetches.map((ranges) => ranges.length)).toEqual([150, 5]);
    expect(missingFrames(wanted(), spool).size).toBe(0);
  });

  it('keeps what came before a damaged frame, and fetches from there', async () => {
    const [first, second, third] = (await framesOf([{ first: 0, last: 2 }])) as [Frame, Frame, Frame];
    const damaged = { header: second.header, block: Buffer.from(second.block) };
    damaged.block[20]! ^= 1;
    sendInstead([first, damaged, third]);

    await expect(fetch()).rejects.toMatchObject({ code: 'FRAME_INVALID' });

    expect([...missingFrames(wanted(), spool).keys()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('refuses a frame that it did not ask for, and keeps nothing of it', async () => {
    const [first, second] = (await framesOf([{ first: 0, last: 1 }])) as [Frame, Frame];
    await spool.append([first]);
    const before = spool.bytes;
    const strangers = [
      first,
      { ...second, header: { ...second.header, number: 4 } },
      { ...second, header: { ...second.header, number: 77 } },
      { ...second, header: { ...second.header, digest: Buffer.alloc(32) } },
    ];
    for (const stranger of strangers) {
      sendInstead([stranger]);
      await expect(fetch()).rejects.toMatchObject({ code: 'FRAME_INVALID' });
    }

    expect(spool.bytes).toBe(before);
  });

  it('refuses a frame that is sent a second time, so that nobody can fill the disk', async () => {
    const [first] = (await framesOf([{ first: 0, last: 0 }])) as [Frame];
    sendInstead([first], [first], [first]);

    await expect(fetch()).rejects.toMatchObject({ code: 'FRAME_INVALID' });

    expect(spool.bytes).toBe(first.block.length + 52);
  });

  it('is not complete when central ends it early', async () => {
    sendInstead(await framesOf([{ first: 0, last: 7 }]));

    await expect(fetch()).rejects.toMatchObject({
      code: 'FRAME_INVALID',
      message: expect.stringContaining('2 frames') as string,
    });

    expect([...missingFrames(wanted(), spool).keys()]).toEqual([8, 9]);
  });
});
