import { decodeFrame, parsePatch } from '@rivulet/protocol';
import { CentralFixture } from '../../../test/central-fixture';
import { CentralServices } from '../../../test/central-services';
import type { Snapshot } from '../snapshot';
import { PatchStore, type StoredPatch } from './patch-store';
import { PatchService } from './patch.service';
import { ReadyPatches } from './ready-patches';

const MAC = '48:b0:2d:e9:c3:b7';
const datasets = `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address = '${MAC}'" }
datasets:
  - { name: readings, key: [id], query: "SELECT id, value FROM readings" }
`;

let fixture: CentralFixture;
let central: CentralServices;

beforeEach(async () => {
  fixture = await CentralFixture.create({ storeConnections: 8 });
  await fixture.database.pool.query(`
    CREATE TABLE readings (id int PRIMARY KEY, value text);
    INSERT INTO readings SELECT n * 10, repeat(md5(n::text), 4) FROM generate_series(1, 20000) AS n`);
  central = await CentralServices.start(fixture, datasets);
});

afterEach(() => fixture.close());

async function snapshot(): Promise<Snapshot> {
  const known = await central.scopes.find({ macAddress: MAC });
  const [readings] = await central.snapshots.bringUpToDate(known);
  return readings!;
}

/** The patch from the rows as they are to those after the statements. */
async function patchOver(
  ...statements: string[]
): Promise<{ base: Snapshot; patch: StoredPatch | undefined; target: Snapshot }> {
  const base = await snapshot();
  for (const statement of statements) await fixture.database.pool.query(statement);
  const target = await snapshot();
  return { base, patch: await central.patches.findOrMake(base.checksum, target), target };
}

async function contentsOf(digests: string[]): Promise<Buffer[]> {
  const stored = await fixture.store.read(digests.map((digest) => Buffer.from(digest, 'hex')));
  return stored.map((chunk) => {
    const { block, ...rest } = chunk!;
    return decodeFrame({
      header: { kind: 'patch', table: 0, number: 0, blockBytes: block.length, ...rest },
      block,
    });
  });
}

async function chunksOf({ snapshotId }: Snapshot): Promise<string[]> {
  const { rows } = await fixture.database.pool.query<{ digest: string }>(
    `SELECT encode(digest, 'hex') AS digest FROM rivulet.snapshot_chunks WHERE snapshot_id = $1 ORDER BY position`,
    [snapshotId],
  );
  return rows.map(({ digest }) => digest);
}

function linesOf(content: Buffer): string[] {
  return content.toString().split('\n').slice(0, -1);
}

const keyOf = (row: string): string => row.split('\t')[0]!;

/** Applies a patch as it must be applied, to lines of text; rows must lie within their ranges. */
async function applied(base: Snapshot, { frames }: StoredPatch): Promise<string[]> {
  const chunks = (await contentsOf(await chunksOf(base))).map(linesOf);
  const rows = new Map(chunks.flat().map((row) => [keyOf(row), row]));
  for (const content of await contentsOf(frames)) {
    for (const range of parsePatch(content, chunks.length)) {
      const after = Number(keyOf(chunks[range.position - 1]?.at(-1) ?? '-9999999'));
      const before = Number(keyOf(chunks[range.position + range.count]?.[0] ?? '9999999'));
      for (const line of [...range.deletedKeys, ...range.rows].flatMap(linesOf)) {
        const key = Number(keyOf(line));
        expect({ key, isInside: after < key && key < before }).toEqual({ key, isInside: true });
      }
      for (const key of range.deletedKeys.flatMap(linesOf)) expect(rows.delete(key)).toBe(true);
      for (const row of range.rows.flatMap(linesOf)) rows.set(keyOf(row), row);
    }
  }
  return [...rows.values()].toSorted((a, b) => Number(keyOf(a)) - Number(keyOf(b)));
}

async function rowsOf(target: Snapshot): Promise<string[]> {
  return (await contentsOf(await chunksOf(target))).flatMap(linesOf);
}

describe('a patch', () => {
  it.each([
    ['scattered updates', [`UPDATE readings SET value = 'new' WHERE id % 2000 = 0`]],
    ['updates of all chunks', [`UPDATE readings SET value = value || 'x' WHERE id % 500 = 0`]],
    [
      'scattered deletes and inserts',
      [
        'DELETE FROM readings WHERE id % 1700 = 0',
        `INSERT INTO readings SELECT n * 1000 + 5, 'new' FROM generate_series(0, 300) AS n`,
      ],
    ],
    ['rows before the first and behind the last', [`INSERT INTO readings VALUES (-5, 'a'), (900000, 'b')`]],
    ['rows of many chunks that go', ['DELETE FROM readings WHERE id BETWEEN 50000 AND 70000']],
    [
      'rows of many chunks that come',
      [
        `INSERT INTO readings SELECT 100001 + n % 9 + n / 9 * 10, repeat('y', 200) FROM generate_series(0, 3000) AS n ON CONFLICT DO NOTHING`,
      ],
    ],
    [
      'rows of another size, which end chunks elsewhere',
      [`UPDATE readings SET value = repeat(value, 5) WHERE id BETWEEN 30000 AND 33000`],
    ],
    ['another key', ['UPDATE readings SET id = id + 500003 WHERE id % 1000 = 0']],
  ])('leads to the new rows after %s', async (_, statements) => {
    const { base, patch, target } = await patchOver(...statements);
    expect(await applied(base, patch!)).toEqual(await rowsOf(target));
  });

  it('of a hundred scattered rows has little more than these', async () => {
    const { patch } = await patchOver(`UPDATE readings SET value = upper(value) WHERE id % 2000 = 0`);
    expect(patch!.frames).toHaveLength(1);
    expect(patch!.wireBytes).toBeLessThan(100 * 140);
  });

  it('is made once, however many devices need it, and found again after a restart', async () => {
    const { base, patch, target } = await patchOver('DELETE FROM readings WHERE id = 100');
    const add = jest.spyOn(fixture.store, 'add');
    const { central: database, store } = fixture;
    const again = new PatchService(database, store, new PatchStore(database, store), new ReadyPatches());
    expect(await again.findOrMake(base.checksum, target)).toEqual(patch);
    await fixture.database.pool.query('DELETE FROM readings WHERE id = 200');
    const next = await snapshot();
    add.mockClear();
    await Promise.all(Array.from({ length: 20 }, () => central.patches.findOrMake(base.checksum, next)));
    expect(add).toHaveBeenCalledTimes(1);
  });

  it('leads from any content that central stores, not only from the one before', async () => {
    const base = await snapshot();
    await patchOver('DELETE FROM readings WHERE id = 100', 'DELETE FROM readings WHERE id = 90000');
    const { target } = await patchOver(`UPDATE readings SET value = 'c' WHERE id = 300`);
    const patch = await central.patches.findOrMake(base.checksum, target);
    expect(await applied(base, patch!)).toEqual(await rowsOf(target));
  });
});

describe('there is no patch', () => {
  it('from what central does not know', async () => {
    const target = await snapshot();
    expect(await central.patches.findOrMake('0'.repeat(64), target)).toBeUndefined();
  });

  it('when so much has changed that chunks are as good', async () => {
    await fixture.database.pool.query(
      `INSERT INTO readings SELECT n * 10 + 1, repeat(md5(n::text), 8) FROM generate_series(1, 60000) AS n`,
    );
    const { patch } = await patchOver('UPDATE readings SET value = upper(value)');
    expect(patch).toBeUndefined();
  });

  it('from nothing', async () => {
    await fixture.database.pool.query('CREATE TABLE kept AS TABLE readings; TRUNCATE readings');
    const { patch } = await patchOver('INSERT INTO readings TABLE kept LIMIT 10');
    expect(patch).toBeUndefined();
  });
});
