import { RivuletError } from '@rivulet/errors';
import { numberedTexts, type FakeDataset } from '@rivulet/testing';
import { LONG_NAMES, longNames, setUpSyncCycles } from '../../../test/sync-cycle-fixture';
import { readChunks } from '../../state/mirror-chunks';
import type { SyncResult } from '../../state/sync-result';

const edge = setUpSyncCycles();

/** Row 300 is different, row 302 is gone, and there is one behind all others. */
function changed(): FakeDataset {
  const dataset = longNames();
  dataset.rows[299]![1] = 'changed';
  dataset.rows.splice(301, 1);
  dataset.rows.push([String(LONG_NAMES + 1), 'new']);
  return dataset;
}

async function expectContent({ rows }: FakeDataset): Promise<void> {
  const found = await edge.select<{ id: string; label: string }>('SELECT * FROM names ORDER BY id');
  expect(found.map(({ id, label }) => [id, label])).toEqual(rows);
}

/** Where the rows lie in the file of the table, by id. */
async function places(): Promise<Map<string, string>> {
  const rows = await edge.select<{ id: string; ctid: string }>('SELECT id, ctid::text FROM names');
  return new Map(rows.map(({ id, ctid }) => [id, ctid]));
}

/** The state lists the chunks that the table really has. */
async function expectChunkList(): Promise<void> {
  const client = await edge.database.pool.connect();
  const chunks = await readChunks(client, 'names');
  client.release();
  const held = (await edge.state.tables())[0]!;
  expect(chunks.reduce((sum, { rows }) => sum + rows, 0)).toBe(held.rows);
  expect(await edge.scrub({ repair: false })).toMatchObject({ status: 'intact' });
}

function framesFetched(): number {
  return edge.hub.fetches.flat().reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

let chunks: number;

beforeEach(async () => {
  edge.hub.datasets = [longNames()];
  await edge.sync();
  chunks = framesFetched();
  edge.hub.fetches.length = 0;
  edge.hub.datasets = [changed()];
});

describe('a change of a few rows', () => {
  it.each([
    ['patched', 1],
    ['merged', 3],
  ])('is %s: little is fetched, and no other row is touched', async (action, fetchedAtMost) => {
    expect(chunks).toBeGreaterThan(10);
    if (action === 'merged') edge.hub.forgetBases();
    const before = await places();

    const result = await edge.sync();

    expect(result.tables).toMatchObject([{ action, rows: LONG_NAMES, rowsChanged: 3 }]);
    expect(framesFetched()).toBeLessThanOrEqual(fetchedAtMost);
    await expectContent(changed());
    const after = await places();
    const moved = [...after].filter(([id, place]) => before.get(id) !== place).map(([id]) => id);
    expect(moved.toSorted()).toEqual(['300', String(LONG_NAMES + 1)]);
    await expectChunkList();
  });

  it('is loaded whole where only TRUNCATE is wanted', async () => {
    edge.applyMode = 'truncate';
    const result = await edge.sync();

    expect(edge.hub.requests.at(-1)).toMatchObject({ wholeTables: true });
    expect(result.tables).toMatchObject([{ action: 'loaded', rowsChanged: LONG_NAMES }]);
    expect(framesFetched()).toBeGreaterThan(chunks - 3);
    await expectContent(changed());
    await expectChunkList();
  });

  it('that only moves a key is a deletion and an insertion', async () => {
    const dataset = longNames();
    dataset.rows[LONG_NAMES - 1]![0] = '100000';
    edge.hub.datasets = [dataset];

    expect((await edge.sync()).tables).toMatchObject([{ action: 'patched', rowsChanged: 2 }]);
    await expectContent(dataset);
  });

  it('back to the rows before arrives as a patch too', async () => {
    await edge.sync();
    edge.hub.datasets = [longNames()];

    expect((await edge.sync()).tables).toMatchObject([{ action: 'patched', rowsChanged: 3 }]);
    await expectContent(longNames());
    await expectChunkList();
  });
});

describe('a change of every row', () => {
  beforeEach(() => {
    for (const dataset of edge.hub.datasets) dataset.rows = dataset.rows.map(([id]) => [id!, `all ${id}`]);
  });

  it.each(['patched', 'merged'])('is %s', async (action) => {
    if (action === 'merged') edge.hub.forgetBases();

    expect((await edge.sync()).tables).toMatchObject([{ action, rowsChanged: LONG_NAMES + 1 }]);
    await expectContent(edge.hub.datasets[0]!);
    await expectChunkList();
  });
});

describe('a mirror that loses all rows', () => {
  it.each(['patched', 'merged'])('is %s, and is loaded when rows come back', async (action) => {
    edge.hub.datasets = [{ ...longNames(), rows: [] }];
    if (action === 'merged') edge.hub.forgetBases();
    expect((await edge.sync()).tables).toMatchObject([{ action, rows: 0, rowsChanged: LONG_NAMES }]);
    expect(await edge.select('SELECT * FROM rivulet.edge_mirror_chunks')).toEqual([]);

    edge.hub.datasets = [longNames()];
    expect((await edge.sync()).tables).toMatchObject([{ action: 'loaded', rowsChanged: LONG_NAMES }]);
    await expectContent(longNames());
  });
});

/** It leaves the manifest with its rows, and comes back. */
async function leaveAndComeBack(): Promise<SyncResult> {
  const [names] = edge.hub.datasets;
  edge.hub.datasets = [numberedTexts('areas', ['Lobby'])];
  await edge.sync();
  edge.hub.fetches.length = 0;
  edge.hub.datasets = [names!];
  return edge.sync();
}

describe('a mirror without a record', () => {
  it('is loaded when every table that differs is to be', async () => {
    edge.applyMode = 'truncate';

    expect((await leaveAndComeBack()).tables).toMatchObject([{ action: 'loaded', rowsChanged: LONG_NAMES }]);
    expect(framesFetched()).toBeGreaterThan(10);
  });

  it('is read and merged', async () => {
    expect((await leaveAndComeBack()).tables).toMatchObject([{ action: 'merged', rowsChanged: 3 }]);
    expect(framesFetched()).toBeLessThanOrEqual(3);
    await expectContent(changed());
    await expectChunkList();
  });

  it('is loaded when it cannot be read', async () => {
    const unreadable = new RivuletError('CHECKSUM_MISMATCH', 'Table names reads back with a strange row.');
    jest.spyOn(edge.state, 'onConnection').mockRejectedValueOnce(unreadable);

    expect((await leaveAndComeBack()).tables).toMatchObject([{ action: 'loaded', rowsChanged: LONG_NAMES }]);
    await expectContent(changed());
  });

  it('is left alone when the connection breaks while it is read', async () => {
    const broken = new Error('Connection terminated unexpectedly');
    jest.spyOn(edge.state, 'onConnection').mockRejectedValueOnce(broken);
    await edge.database.pool.query('DELETE FROM rivulet.edge_mirror_chunks WHERE position = 5');

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'DATABASE_UNAVAILABLE' } });
    expect(await edge.select('SELECT * FROM names ORDER BY id')).toHaveLength(LONG_NAMES);
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('because its list of chunks is damaged is not trusted, and read and merged', async () => {
    await edge.database.pool.query('DELETE FROM rivulet.edge_mirror_chunks WHERE position = 5');

    expect((await edge.sync()).tables).toMatchObject([{ action: 'merged', rowsChanged: 3 }]);
    await expectContent(changed());
    await expectChunkList();
  });
});

describe('a mirror that is recorded to be empty', () => {
  it('is not emptied when somebody else has put rows into it', async () => {
    edge.hub.datasets = [{ ...longNames(), rows: [] }];
    await edge.sync();
    await edge.database.pool.query(`INSERT INTO names VALUES (7, 'mine'), (1, 'mine')`);
    edge.hub.datasets = [longNames()];

    expect((await edge.sync()).tables).toMatchObject([{ action: 'merged' }]);
    await expectContent(longNames());
  });
});

describe('a download of patches', () => {
  it('that breaks off is resumed by the next cycle', async () => {
    const dataset = longNames();
    dataset.rows = dataset.rows.map(([id, label]) => [id!, `${label}!`]);
    edge.hub.datasets = [dataset];
    const frames = edge.hub.frames.bind(edge.hub);
    const broken = new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.');
    jest.spyOn(edge.hub, 'frames').mockImplementation(async function* (manifestId, ranges) {
      const { value } = await frames(manifestId, ranges).next();
      if (value) yield value;
      throw broken;
    });
    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'CENTRAL_UNREACHABLE' } });
    jest.restoreAllMocks();

    const result = await edge.sync();

    expect(result.tables).toMatchObject([{ action: 'patched', rowsChanged: LONG_NAMES }]);
    expect(edge.hub.fetches.at(-1)![0]!.first).toBe(3);
    await expectContent(dataset);
  });
});
