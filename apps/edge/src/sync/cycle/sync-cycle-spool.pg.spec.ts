import { stat } from 'node:fs/promises';
import { RivuletError } from '@rivulet/errors';
import { numberedTexts } from '@rivulet/testing';
import { setUpSyncCycles } from '../../../test/sync-cycle-fixture';
import { SpoolFile } from '../../spool/spool-file';

const edge = setUpSyncCycles();

/** Some chunks that do not compress. */
function names(seed: number): ReturnType<typeof numberedTexts> {
  let state = seed;
  const next = (): string => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state.toString(36);
  };
  return numberedTexts(
    'names',
    Array.from({ length: 400 }, () => Array.from({ length: 100 }, next).join('')),
  );
}

/** A download that ends before its last frame, as when the edge is killed in the middle of it. */
async function abandonDownload(): Promise<number> {
  const frames = edge.hub.frames.bind(edge.hub);
  jest.spyOn(edge.hub, 'frames').mockImplementation(async function* (manifestId, ranges) {
    for await (const batch of frames(
      manifestId,
      ranges.map(({ first, last }) => ({ first, last: last - 1 })),
    ))
      yield batch;
    throw new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.');
  });
  const { status } = await edge.sync({ retry: { retries: 0, minDelayMs: 1, maxDelayMs: 1 } });
  expect(status).toBe('failed');
  jest.restoreAllMocks();
  return (await stat(edge.spoolPath)).size;
}

/** A disk on which the spool can have so many bytes; `tellsFree`: and which says so before. */
function limitSpool(bytes: number, tellsFree: boolean): void {
  const append = Reflect.get(SpoolFile.prototype, 'append');
  jest.spyOn(SpoolFile.prototype, 'append').mockImplementation(async function (this: SpoolFile, frames) {
    const more = frames.reduce((sum, { block }) => sum + block.length, 0);
    if (this.bytes + more > bytes) throw new RivuletError('DISK_FULL', 'There is no room.');
    await append.call(this, frames);
  });
  if (!tellsFree) return;
  const free = async (): Promise<number> => bytes - (await stat(edge.spoolPath)).size;
  jest.spyOn(SpoolFile.prototype as never, 'freeBytes').mockImplementation(free as never);
}

describe('a spool that is full of itself (spool-full-of-itself)', () => {
  beforeEach(async () => {
    edge.hub.datasets = [names(1)];
  });

  it.each([
    ['the disk counts as full', true],
    ['a disk that became full ends the cycle', false],
  ])('loses what the new manifest does not name, before %s', async (_, tellsFree) => {
    const abandoned = await abandonDownload();
    edge.hub.datasets = [names(2)];
    limitSpool(abandoned * 1.5, tellsFree);

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('does so after a restart, too', async () => {
    const abandoned = await abandonDownload();
    edge.hub.datasets = [names(2)];
    await edge.spool.close();
    edge.spool = await SpoolFile.open(edge.spoolPath);
    limitSpool(abandoned * 1.5, true);

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('says that the disk is full when it has nothing to give back', async () => {
    limitSpool(1_000, false);

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'DISK_FULL' } });
  });

  it('keeps what the new manifest names, which is not fetched again', async () => {
    await abandonDownload();
    const { rows } = edge.hub.datasets[0]!;
    edge.hub.datasets = [{ ...edge.hub.datasets[0]!, rows: [...rows.slice(0, -1), ['400', 'changed']] }];

    expect(await edge.sync()).toMatchObject({ status: 'applied' });

    expect(edge.hub.fetches.at(-1)![0]!.first).toBeGreaterThan(0);
  });

  it('is emptied when the rows are back to those that the device has', async () => {
    await edge.sync();
    edge.hub.datasets = [names(2)];
    expect(await abandonDownload()).toBeGreaterThan(0);
    edge.hub.datasets = [names(1)];

    expect(await edge.sync()).toMatchObject({ status: 'current' });

    expect((await stat(edge.spoolPath)).size).toBe(0);
  });
});
