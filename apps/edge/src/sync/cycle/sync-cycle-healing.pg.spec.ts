import { hash } from 'node:crypto';
import { RivuletError } from '@rivulet/errors';
import { encodeBlock, type Frame } from '@rivulet/protocol';
import type { FakeDataset } from '@rivulet/testing';
import { longNames, setUpSyncCycles } from '../../../test/sync-cycle-fixture';

const edge = setUpSyncCycles();

function changed(): FakeDataset {
  const dataset = longNames();
  dataset.rows[299]![1] = 'changed';
  return dataset;
}

async function expectContent({ rows }: FakeDataset): Promise<void> {
  const found = await edge.select<{ id: string; label: string }>('SELECT * FROM names ORDER BY id');
  expect(found.map(({ id, label }) => [id, label])).toEqual(rows);
}

function framesOfLastFetch(): number {
  return edge.hub.fetches.at(-1)!.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

beforeEach(async () => {
  edge.hub.datasets = [longNames()];
  await edge.sync();
  edge.hub.datasets = [changed()];
});

describe('a mirror that somebody else has changed', () => {
  it.each([
    ['UPDATE', `UPDATE names SET label = 'mine' WHERE id = 301`],
    ['INSERT', `INSERT INTO names VALUES (0, 'mine')`],
    ['DELETE', `DELETE FROM names WHERE id = 299`],
  ])('by %s, where a patch goes, is put right in the same cycle', async (kind, edit) => {
    const dataset = changed();
    // The row that was inserted is in the first chunk.
    if (kind === 'INSERT') dataset.rows[0]![1] = 'changed, too';
    edge.hub.datasets = [dataset];
    await edge.database.pool.query(edit);

    const result = await edge.sync();

    expect(result).toMatchObject({ status: 'applied', acknowledged: true, tables: [{ action: 'merged' }] });
    await expectContent(dataset);
    expect(edge.warnings).toEqual([
      expect.stringMatching(
        /^CHECKSUM_MISMATCH The mirror names differs from what was applied, in 1 .* keys \d+ to \d+/,
      ),
    ]);
    expect(framesOfLastFetch()).toBeLessThanOrEqual(2);
    expect(await edge.countApplied()).toBe(2);
    expect(await edge.scrub({ repair: false })).toMatchObject({ status: 'intact' });
  });

  it('where chunks are merged, is put right by the merge itself', async () => {
    edge.hub.forgetBases();
    await edge.database.pool.query(`UPDATE names SET label = 'mine' WHERE id = 301`);

    expect((await edge.sync()).tables).toMatchObject([{ action: 'merged', rowsChanged: 2 }]);
    await expectContent(changed());
    expect(edge.warnings).toEqual([]);
  });

  it('where a merge deletes what nobody has recorded, is noticed by the numbers of rows', async () => {
    edge.hub.forgetBases();
    const dataset = changed();
    dataset.rows[0]![1] = 'changed, too';
    edge.hub.datasets = [dataset];
    await edge.database.pool.query(`INSERT INTO names VALUES (0, 'mine')`);

    expect((await edge.sync()).tables).toMatchObject([{ action: 'merged' }]);
    await expectContent(dataset);
    expect(edge.warnings).toEqual([expect.stringContaining('CHECKSUM_MISMATCH The mirror names differs')]);
  });

  it('elsewhere, is left to the scrub when only what was touched is verified', async () => {
    await edge.database.pool.query(`UPDATE names SET label = 'mine' WHERE id = 1`);

    expect((await edge.sync()).tables).toMatchObject([{ action: 'patched', rowsChanged: 1 }]);
    expect(await edge.select('SELECT label FROM names WHERE id = 1')).toEqual([{ label: 'mine' }]);
    expect(await edge.scrub()).toMatchObject({ status: 'repaired', tables: [{ deviationCount: 1 }] });
    await expectContent(changed());
  });

  it('elsewhere, is put right at once when all of it is verified', async () => {
    edge.verify = 'full';
    await edge.database.pool.query(`UPDATE names SET label = 'mine' WHERE id = 1`);

    expect(await edge.sync()).toMatchObject({
      status: 'applied',
      tables: [{ action: 'merged', rowsChanged: 2 }],
    });
    await expectContent(changed());
  });

  it('is known for what it is also when central cannot be asked again', async () => {
    await edge.database.pool.query(`UPDATE names SET label = 'mine' WHERE id = 301`);
    const [recorded] = await edge.state.tables();
    const request = edge.hub.request.bind(edge.hub);
    jest
      .spyOn(edge.hub, 'request')
      .mockImplementationOnce(request)
      .mockRejectedValue(new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.'));

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'CENTRAL_UNREACHABLE' } });
    jest.restoreAllMocks();

    expect((await edge.state.tables())[0]!.checksum).not.toBe(recorded!.checksum);
    expect(await edge.select('SELECT label FROM names WHERE id = 301')).toEqual([{ label: 'mine' }]);
    expect(await edge.sync()).toMatchObject({ status: 'applied', tables: [{ action: 'merged' }] });
    await expectContent(changed());
  });
});

/** Sends this in the place of every patch, with a digest of its own that the plan has, too; and perhaps nothing else. */
function sendPatch(text: string, isAlone = false): void {
  const content = Buffer.from(text);
  const digest = hash('sha256', content, 'buffer');
  const request = edge.hub.request.bind(edge.hub);
  const frames = edge.hub.frames.bind(edge.hub);
  jest.spyOn(edge.hub, 'request').mockImplementation(async (asked) => {
    if (isAlone && asked.wholeTables === true) throw new RivuletError('SERVER_BUSY', 'Not now.');
    const answer = await request(asked);
    if (answer.status === 'current') return answer;
    for (const table of answer.plan.tables) {
      if (table.action === 'patch') table.frames = [digest.toString('hex')];
    }
    return answer;
  });
  jest.spyOn(edge.hub, 'frames').mockImplementation(async function* (manifestId, ranges) {
    for await (const batch of frames(manifestId, ranges))
      yield batch.map((frame) => disguise(frame, content, digest));
  });
}

function disguise(frame: Frame, content: Buffer, digest: Buffer): Frame {
  if (frame.header.kind !== 'patch') return frame;
  const { encoding, block } = encodeBlock(content);
  const sizes = { contentBytes: content.length, blockBytes: block.length };
  return { header: { ...frame.header, encoding, ...sizes, digest }, block };
}

const wrongPatches = [
  ['has a row outside of its range', '0 1 0 1\n600\tforged\n'],
  ['deletes a row outside of its range', '0 1 1 0\n600\n'],
  ['has rows that the manifest does not have', '0 1 0 1\n1\tforged\n'],
  ['changes nothing', '0 1 0 0\n'],
  ['is about chunks that are not there', '1000 1 0 0\n'],
  ['is not a patch', 'Hello\n'],
  ['has a row of another table', '0 1 0 1\n1\ta\tb\tc\n'],
  ['has a row that is not one', '0 1 0 1\nno number\tforged\n'],
  ['ends the input', '0 1 0 1\n\\.\n'],
] as const;

describe('a patch that', () => {
  it.each(wrongPatches)('%s is refused, and the chunks are asked for instead', async (_, text) => {
    sendPatch(text);

    const result = await edge.sync();

    expect(result).toMatchObject({ status: 'applied', tables: [{ action: 'merged', rowsChanged: 1 }] });
    expect(edge.hub.requests.map(({ wholeTables }) => wholeTables)).toEqual([undefined, undefined, true]);
    expect(edge.warnings).toEqual([expect.stringContaining('retrying with full chunks')]);
    await expectContent(changed());
  });

  it.each(wrongPatches)('%s changes nothing when there is no other', async (_, text) => {
    const before = await edge.everything('names');
    sendPatch(text, true);

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'SERVER_BUSY' } });
    expect(await edge.everything('names')).toEqual(before);
  });

  it('has not the digest of the plan is never kept', async () => {
    const before = await edge.everything('names');
    const frames = edge.hub.frames.bind(edge.hub);
    const forged = Buffer.from('0 1 0 1\n1\tforged\n');
    jest.spyOn(edge.hub, 'frames').mockImplementation(async function* (manifestId, ranges) {
      for await (const batch of frames(manifestId, ranges))
        yield batch.map((frame) => disguise(frame, forged, frame.header.digest));
    });

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'FRAME_INVALID' } });
    expect(await edge.everything('names')).toEqual(before);
    expect(edge.spool.bytes).toBe(0);
  });
});
