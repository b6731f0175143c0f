import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ChunkSummary, PatchedSpan } from '@rivulet/protocol';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { ClientBase } from 'pg';
import { loadAsEdge } from '../../test/load-as-edge';
import {
  byChunks,
  byPatches,
  contentOf,
  load,
  numbered,
  numberedContent,
  summaries,
  transaction,
  type Content,
} from '../../test/mirror-fixture';
import { openMirror } from '../table/mirror-table';
import { matchesManifest, proveMirror } from './prove-mirror';
import { scanLoadedMirror, scanMirror, scanSpans } from './scan-mirror';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

beforeEach(() => database.pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));

afterAll(() => database.drop());

const content = numberedContent(numbered(1_000));
const base = summaries(content);
/** A chunk of several rows, with one on either side. */
const place = base.findIndex((chunk, index) => index > 0 && chunk.rows > 5);
const inside = Number(base[place]!.firstKey) + 10;

interface Scans {
  whole: ChunkSummary[];
  spans: ChunkSummary[];
  progress: number[];
}

async function scan(spans: PatchedSpan[], edit = 'SELECT 1'): Promise<Scans> {
  await load(database.pool, content);
  await database.pool.query(edit);
  return transaction(database.pool, async (client) => {
    const mirror = await openMirror(client, content.table);
    const progress: number[] = [];
    const found = await scanSpans(client, mirror, base, spans, (rows) => progress.push(rows));
    return { whole: await scanMirror(client, mirror), spans: found, progress };
  });
}

const mismatch = expect.objectContaining({ code: 'CHECKSUM_MISMATCH' }) as Error;

describe('a mirror that is read back', () => {
  it('is what was loaded, however much of it is read', async () => {
    const all = [{ position: 0, count: base.length }];
    for (const spans of [[], [{ position: place, count: 1 }], [{ position: 0, count: 0 }], all]) {
      const found = await scan(spans);
      expect(found.spans).toEqual(base);
      expect(found.whole).toEqual(base);
      proveMirror(content.table, found.spans);
    }
  });

  it('tells how many rows were read', async () => {
    const spans = [
      { position: 0, count: 1 },
      { position: place + 1, count: 1 },
    ];
    expect((await scan(spans)).progress).toEqual([base[0]!.rows, base[place + 1]!.rows]);
    expect((await scan([])).progress).toEqual([]);
  });

  it('is read as a whole when the spans are most of it', async () => {
    const most = [{ position: 0, count: Math.ceil(base.length * 0.9) }];
    expect((await scan(most)).progress).toHaveLength(base.length);
  });

  it('is read by more key ranges than one message takes, with nothing in some of them', async () => {
    const rows = Buffer.concat(content.chunks.map((chunk) => chunk.content))
      .toString()
      .split(/(?<=\n)/);
    const single = rows.map((row): ChunkSummary => {
      const key = row.slice(0, row.indexOf('\t'));
      const digest = hash('sha256', row, 'buffer');
      return { digest, rows: 1, bytes: Buffer.byteLength(row), firstKey: key, lastKey: key };
    });
    const spans = single.flatMap((_, position) => (position % 2 === 0 ? [{ position, count: 1 }] : []));
    await load(database.pool, content);
    await database.pool.query('DELETE FROM users WHERE id IN (0, 20, 4020, 9980)');
    const read = await transaction(database.pool, async (client) =>
      scanSpans(client, await openMirror(client, content.table), single, spans),
    );
    const gone = new Set(['0', '20', '4020', '9980']);
    expect(read).toEqual(single.filter(({ firstKey }) => !gone.has(firstKey)));
  });

  it.each([
    ['changed', `UPDATE users SET name = 'local' WHERE id = ${inside}`],
    ['deleted', `DELETE FROM users WHERE id = ${inside}`],
    ['inserted', `INSERT INTO users VALUES (${inside + 1}, 'local')`],
    ['inserted before the chunk', `INSERT INTO users VALUES (${inside - 11}, 'local')`],
    ['inserted behind it', `INSERT INTO users VALUES (${Number(base[place]!.lastKey) + 1}, 'local')`],
  ])('shows a row that was %s on the device, if it is in a span', async (_, edit) => {
    const { spans } = await scan([{ position: place, count: 1 }], edit);
    expect(() => proveMirror(content.table, spans)).toThrow(mismatch);
  });

  it('shows one that is elsewhere only to who reads all of it', async () => {
    const edit = `UPDATE users SET name = 'local' WHERE id = ${inside}`;
    const { spans, whole } = await scan([{ position: place + 1, count: 1 }], edit);
    proveMirror(content.table, spans);
    expect(() => proveMirror(content.table, whole)).toThrow(mismatch);
  });

  it('is refused when it has a row that no dataset has', async () => {
    const edit = `UPDATE users SET name = repeat('x', 257 * 1024 * 1024) WHERE id = ${inside}`;
    await expect(scan([{ position: place, count: 1 }], edit)).rejects.toThrow(
      `Table users reads back with a row that no dataset can have: row-too-large at key "${inside}".`,
    );
  });
});

describe('a mirror that was just loaded', () => {
  it('is read as it stands, with the same chunks as by its key', async () => {
    await transaction(database.pool, async (client) => {
      const rows = Readable.from(content.chunks.map((chunk) => chunk.content));
      const { mirror } = await loadAsEdge(client, content.table, rows);
      expect(await scanLoadedMirror(client, mirror)).toEqual(await scanMirror(client, mirror));
      await client.query(`UPDATE users SET name = name WHERE id = ${inside}`);
      expect(matchesManifest(content.table, await scanLoadedMirror(client, mirror))).toBe(false);
      expect(matchesManifest(content.table, await scanMirror(client, mirror))).toBe(true);
    });
  });
});

describe('a local change', () => {
  const target = numberedContent(numbered(1_000).set(inside, 'new'));

  it.each([
    ['in a row that a merge by chunks replaces', byChunks, inside],
    ['beside it', byChunks, inside + 10],
    ['in the gap between two chunks', byChunks, Number(base[place]!.firstKey) - 1],
  ])('%s is mended by it', async (_, merge, id) => {
    await load(database.pool, content);
    await database.pool.query(
      `INSERT INTO users VALUES (${id}, 'local') ON CONFLICT (id) DO UPDATE SET name = 'local'`,
    );
    await transaction(database.pool, async (client) => {
      const { chunks } = await merge(client, content, target);
      expect(chunks).toEqual(summaries(target));
    });
  });

  it('beside a row that a patch replaces is found', async () => {
    await load(database.pool, content);
    await database.pool.query(`UPDATE users SET name = 'local' WHERE id = ${inside + 10}`);
    const { chunks } = await transaction(database.pool, (client) => byPatches(client, content, target));
    expect(() => proveMirror(target.table, chunks)).toThrow(mismatch);
  });
});

/** In a random order on the disk, and without statistics. */
async function shuffle(): Promise<void> {
  await database.pool.query(`
    ALTER TABLE users SET (autovacuum_enabled = off);
    CREATE TEMPORARY TABLE shuffled ON COMMIT DROP AS TABLE users;
    TRUNCATE users; INSERT INTO users SELECT * FROM shuffled ORDER BY random()`);
}

/** The full scans of this session, those of earlier transactions included. */
async function fullScans(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ scans: number }>(
    `SELECT seq_scan::int AS scans FROM pg_stat_xact_user_tables WHERE relname = 'users'`,
  );
  return rows[0]!.scans;
}

describe('one chunk of a large mirror', () => {
  const count = 100_000;

  function largeContent(keyColumns: number, changedId?: number): Content {
    const columns = ['id bigint', 'part text', 'name text'].map((column) => {
      const [name, type] = column.split(' ') as [string, string];
      return { name, type };
    });
    const line = (id: number): string => {
      const first = keyColumns === 1 ? id : Math.floor(id / 10);
      const name = (id === changedId ? 'new' : 'old').padEnd(80);
      return `${first}\t${String(id).padStart(9, '0')}\t${name}\n`;
    };
    return contentOf(
      columns,
      keyColumns,
      Buffer.from(Array.from({ length: count }, (_, id) => line(id)).join('')),
    );
  }

  it.each([
    [1, 'as they come'],
    [2, 'as they come'],
    [1, 'with statistics'],
    [2, 'with statistics'],
  ])('is merged and read by the index of its key of %d columns, %s', async (keyColumns, state) => {
    const large = largeContent(keyColumns);
    const target = largeContent(keyColumns, count / 2);
    await load(database.pool, large);
    await shuffle();
    if (state === 'with statistics') await database.pool.query('ANALYZE users');
    for (const merge of [byChunks, byPatches]) {
      await transaction(database.pool, async (client) => {
        const before = await fullScans(client);
        proveMirror(target.table, (await merge(client, large, target)).chunks);
        proveMirror(large.table, (await merge(client, target, large)).chunks);
        expect((await fullScans(client)) - before).toBe(0);
      });
    }
  });

  it('is read by the index also where PostgreSQL expects a quarter of the table in it', async () => {
    const large = largeContent(2);
    await load(database.pool, large);
    await shuffle();
    await database.pool.query('ANALYZE users');
    await transaction(database.pool, async (client) => {
      await client.query('SET LOCAL random_page_cost TO 100');
      const mirror = await openMirror(client, large.table);
      const before = await fullScans(client);
      const span = { position: Math.floor(large.chunks.length / 2), count: 1 };
      expect(await scanSpans(client, mirror, summaries(large), [span])).toEqual(summaries(large));
      expect((await fullScans(client)) - before).toBe(0);
    });
  });
});
