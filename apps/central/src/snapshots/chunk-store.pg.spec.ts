import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { connect } from '@rivulet/platform';
import { createPool } from '@rivulet/postgres';
import { ChunkCutter, decodeFrame, type Chunk } from '@rivulet/protocol';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { Pool } from 'pg';
import { CreateOperationalTables1763683200000 } from '../../../../db/central/migrations/1763683200000-create-operational-tables';
import { Registry } from 'prom-client';
import { ChunkStore, type StoredChunk } from './chunk-store';
import { SnapshotDatabase } from './snapshot-database';
import { SnapshotsMetrics } from './snapshots.metrics';

jest.setTimeout(30_000);

let database: TestDatabase;
let pool: Pool;
let store: ChunkStore;

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createTestDatabase();
  const migrated = await connect({
    url: database.url,
    urlVariable: 'CENTRAL_DATABASE_URL',
    applicationName: 'test',
    entities: [],
    migrations: [CreateOperationalTables1763683200000],
  });
  await migrated.destroy();
  pool = createPool({ url: database.url, applicationName: 'test chunks', maxConnections: 8 });
  store = new ChunkStore(new SnapshotDatabase(pool), new SnapshotsMetrics(new Registry()));
});

beforeEach(() => pool.query('TRUNCATE rivulet.chunks'));

afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** A chunk with one row for each filler. */
function chunkOf(...fillers: string[]): Chunk {
  const cutter = new ChunkCutter(1, { keepContent: true });
  const chunks = fillers.flatMap((filler, id) => cutter.push(Buffer.from(`${id}\t${filler}\n`)));
  const [chunk] = [...chunks, ...cutter.end()];
  return chunk!;
}

function decode({ digest, rows, contentBytes, encoding, block }: StoredChunk): string {
  const header = { kind: 'chunk', table: 0, number: 0, digest, rows, contentBytes, encoding } as const;
  return decodeFrame({ header: { ...header, blockBytes: block.length }, block }).toString();
}

/** Where each chunk lies on the disk, which changes when it is written again. */
async function places(): Promise<unknown[]> {
  return (await pool.query('SELECT ctid, xmin, digest FROM rivulet.chunks ORDER BY digest')).rows;
}

describe('a chunk', () => {
  it('comes back as it was, compressed where that saves room', async () => {
    const even = chunkOf('x'.repeat(50_000));
    const random = chunkOf(
      randomBytes(40_000)
        .toString('latin1')
        .replaceAll(/[\n\t\\]/g, ''),
    );
    await store.add([even, random]);
    const read = await store.read([random.digest, even.digest]);
    expect(read.map((chunk) => chunk?.digest)).toEqual([random.digest, even.digest]);
    expect(read.map((chunk) => decode(chunk!))).toEqual([random.content.toString(), even.content.toString()]);
    expect(read[1]).toMatchObject({ rows: 1, contentBytes: even.bytes, encoding: 'zstd' });
    expect(read[1]!.block.length).toBeLessThan(500);
    expect(random.bytes).toBeGreaterThanOrEqual(read[0]!.block.length);
  });

  it('is kept as it is where compression does not save room', async () => {
    const tiny = chunkOf('x');
    await store.add([tiny]);
    expect(await store.read([tiny.digest])).toEqual([
      { digest: tiny.digest, rows: 1, contentBytes: 4, encoding: 'none', block: Buffer.from('0\tx\n') },
    ]);
  });

  it('has a size that is told when it is new', async () => {
    const chunk = chunkOf('told');
    expect(await store.add([chunk])).toEqual({ blockBytes: chunk.bytes });
    expect(await store.add([chunk])).toEqual({ blockBytes: NaN });
  });

  it('is not overwritten by the next one that does not shrink either', async () => {
    const [first, second] = [chunkOf('x'), chunkOf('y')];
    await store.add([first, second]);
    expect((await store.read([first.digest, second.digest])).map((chunk) => decode(chunk!))).toEqual([
      '0\tx\n',
      '0\ty\n',
    ]);
  });

  it('is read in the order that is asked for, as often as it is asked for, and not where it is not there', async () => {
    const [a, b] = [chunkOf('a'), chunkOf('b')];
    await store.add([a, b]);
    const read = await store.read([b.digest, randomBytes(32), a.digest, b.digest]);
    expect(read.map((chunk) => chunk?.block.toString())).toEqual(['0\tb\n', undefined, '0\ta\n', '0\tb\n']);
  });

  it.each([
    ['little', 1],
    ['much', 70_000],
  ])('is stored once, and not touched when it comes again, where there is %s', async (_, length) => {
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => chunkOf(letter.repeat(length))) as [
      Chunk,
      Chunk,
      Chunk,
    ];
    await store.add([a, b, a]);
    const before = await places();
    expect(before).toHaveLength(2);
    await store.add([b, a]);
    expect(await places()).toEqual(before);
    await store.add([a, c]);
    expect(await places()).toEqual(expect.arrayContaining(before));
    expect(await places()).toHaveLength(3);
  });
});

describe('several builders at once', () => {
  it('store the same chunks without a deadlock, each once', async () => {
    // Slow enough for two to meet in the middle.
    await pool.query(`
      CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END $$;
      CREATE TRIGGER dawdle BEFORE INSERT ON rivulet.chunks FOR EACH ROW EXECUTE FUNCTION dawdle()`);
    const chunks = Array.from({ length: 30 }, (_, n) => chunkOf(`${n}`));
    const orders = [chunks, chunks.toReversed(), chunks.slice(10), chunks.slice(0, 20).toReversed()];
    await Promise.all(orders.map((order) => store.add(order)));
    expect(await places()).toHaveLength(30);
    await pool.query('DROP FUNCTION dawdle CASCADE');
  });
});
