import { hash } from 'node:crypto';
import type { ChunkSummary } from '@rivulet/protocol';
import type { PoolClient } from 'pg';
import { setUpSyncCycles } from '../../test/sync-cycle-fixture';
import { readChunkDigests, readChunks, writeChunks } from './mirror-chunks';

const edge = setUpSyncCycles();

let client: PoolClient;

beforeEach(async () => {
  client = await edge.database.pool.connect();
});
afterEach(() => client.release());

function chunkOf(text: string): ChunkSummary {
  const digest = hash('sha256', text, 'buffer');
  return { digest, rows: text.length, bytes: 2 * text.length, firstKey: text, lastKey: `${text}\\t\t"{,}'` };
}

function chunksOf(...texts: string[]): ChunkSummary[] {
  return texts.map(chunkOf);
}

/** Which transaction wrote each row of the list. */
async function writers(): Promise<string[]> {
  const { rows } = await client.query<{ xmin: string }>(
    'SELECT xmin::text FROM rivulet.edge_mirror_chunks ORDER BY position',
  );
  return rows.map(({ xmin }) => xmin);
}

describe('the list of chunks of a mirror', () => {
  it('is read as it was written, and does not mix with that of another', async () => {
    const names = chunksOf('a', 'b', 'c');
    await writeChunks(client, 'names', [], names);
    await writeChunks(client, 'areas', [], chunksOf('z'));

    expect(await readChunks(client, 'names')).toEqual(names);
    expect(await readChunkDigests(client, 'names')).toEqual(
      names.map(({ digest }) => digest.toString('hex')),
    );
    expect(await readChunks(client, 'none')).toEqual([]);
    expect(await readChunkDigests(client, 'none')).toEqual([]);
  });

  it.each([
    ['another one in the middle', ['a', 'B', 'c', 'd'], [false, true, false, false]],
    ['more', ['a', 'b', 'c', 'd', 'e', 'f'], [false, false, false, false, true, true]],
    ['fewer', ['a', 'b'], [false, false]],
    ['one that moves the others', ['x', 'a', 'b', 'c', 'd'], [true, true, true, true, true]],
    ['none', [], []],
  ])('with %s is written where it differs', async (_, texts, isWritten) => {
    const before = chunksOf('a', 'b', 'c', 'd');
    await writeChunks(client, 'names', [], before);
    const old = await writers();

    await writeChunks(client, 'names', await readChunks(client, 'names'), chunksOf(...texts));

    expect(await readChunks(client, 'names')).toEqual(chunksOf(...texts));
    expect((await writers()).map((writer, position) => writer !== old[position])).toEqual(isWritten);
  });

  it('is rewritten when what was recorded does not count', async () => {
    await writeChunks(client, 'names', [], chunksOf('a', 'b', 'c', 'd'));
    await writeChunks(client, 'names', [], chunksOf('a', 'x'));

    expect(await readChunks(client, 'names')).toEqual(chunksOf('a', 'x'));
  });

  it('may be long', async () => {
    const many = Array.from({ length: 12_000 }, (_, index) => chunkOf(`chunk ${index}`));
    await writeChunks(client, 'names', [], many);

    expect(await readChunks(client, 'names')).toEqual(many);
    expect(await readChunkDigests(client, 'names')).toHaveLength(12_000);
  });
});
