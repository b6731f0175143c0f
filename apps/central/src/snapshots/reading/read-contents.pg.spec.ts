import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { FRAME_HEADER_BYTES, ROW_MAX_BYTES, tableChecksum, type Chunk } from '@rivulet/protocol';
import type { Parameters } from '@rivulet/snapshot';
import { CentralFixture } from '../../../test/central-fixture';
import { DatasetCatalogue } from '@rivulet/datasets';
import { ChangeDetection } from '../../source/change-detection/change-detection';
import { bindDatasets } from '../bound-dataset';
import { readContents } from './read-contents';
import { recordSnapshots } from './record-snapshots';
import { ChunkStore } from '../chunk-store';
import type { Snapshot } from '../snapshot';

jest.setTimeout(30_000);

const MiB = 1024 * 1024;
const limits = {
  isolation: 'REPEATABLE READ',
  readOnly: true,
  statementTimeoutMs: 60_000,
  lockTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
} as const;

let fixture: CentralFixture;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rivulet-snapshots-'));
  fixture = await CentralFixture.create({ storeConnections: 8 });
  await fixture.database.pool.query(`
    CREATE TABLE readings (site int, id int, value text, PRIMARY KEY (site, id));
    INSERT INTO readings SELECT site, n, md5(n::text) FROM generate_series(1, 2) AS site, generate_series(1, 5000) AS n`);
});

beforeEach(() => fixture.database.pool.query('TRUNCATE rivulet.chunks, rivulet.snapshots CASCADE'));

afterAll(async () => {
  await fixture.close();
  rmSync(folder, { recursive: true });
});

/** Builds the snapshot of a query with the key `id`, for a site. */
async function build(query: string, site = 1, into = fixture.store, name = 'readings'): Promise<Snapshot> {
  const path = join(folder, 'datasets.yaml');
  writeFileSync(
    path,
    `version: 1
scope:
  query: SELECT :mac_address AS device_id, 1 AS site
datasets:
  - name: ${name}
    key: [id]
    query: |
      ${query.replaceAll('\n', '\n      ')}
`,
  );
  const catalogue = await DatasetCatalogue.load(path, fixture.database.pool);
  const parameters: Parameters = new Map([
    ...catalogue.scope.columns,
    ['site', { type: 'integer', value: `${site}` }],
  ]);
  return withClient(fixture.database.pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      const changes = new ChangeDetection(fixture.database.pool, 'poll', 1_000);
      const [bound] = bindDatasets(catalogue, parameters, changes, 'here');
      const contents = await readContents(client, [bound!], into, ROW_MAX_BYTES);
      const [snapshot] = await recordSnapshots(fixture.central, contents);
      return snapshot!;
    }),
  );
}

async function refusalOf(work: Promise<unknown>): Promise<RivuletError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof RivuletError) return error;
  throw new Error('It was not refused.', { cause: error });
}

async function countOf(table: 'snapshots' | 'chunks' | 'snapshot_chunks'): Promise<number> {
  const { rows } = await fixture.database.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM rivulet.${table}`,
  );
  return rows[0]!.n;
}

const readings = 'SELECT id, value FROM readings WHERE site = :site';

describe('a snapshot', () => {
  it('has the rows of its scope, entered with what they are', async () => {
    const snapshot = await build(readings);
    const { rows: listed } = await fixture.database.pool.query<{
      digest: Buffer;
      blockBytes: number;
      content_bytes: number;
    }>(
      `SELECT digest, octet_length(block) AS "blockBytes", listed.content_bytes
       FROM rivulet.snapshot_chunks listed JOIN rivulet.chunks USING (digest)
       WHERE snapshot_id = $1 ORDER BY position`,
      [snapshot.snapshotId],
    );
    expect(listed.length).toBeGreaterThan(1);
    const digests = listed.map((chunk) => chunk.digest.toString('hex'));
    expect(snapshot.checksum).toBe(tableChecksum(snapshot.dataset.fingerprint, digests));
    expect(snapshot.rows).toBe(5_000);
    expect(snapshot.bytes).toBe(listed.reduce((sum, chunk) => sum + chunk.content_bytes, 0));
    expect(snapshot.wireBytes).toBe(
      listed.reduce((sum, chunk) => sum + chunk.blockBytes + FRAME_HEADER_BYTES, 0),
    );
    const entered = await fixture.central.query<Record<string, string>[]>(
      'SELECT checksum, dataset, rows::int, bytes::int, wire_bytes::int AS "wireBytes" FROM rivulet.snapshots',
    );
    const { checksum, rows, bytes, wireBytes } = snapshot;
    expect(entered).toEqual([{ checksum, dataset: 'readings', rows, bytes, wireBytes }]);
  });

  it('is one for two scopes with the same rows, and for the same rows later', async () => {
    const first = await build(readings, 1);
    const chunks = await countOf('chunks');
    const second = await build(readings, 2);
    await fixture.database.pool.query('UPDATE readings SET value = value WHERE site = 1');
    const third = await build(`${readings} ORDER BY value`, 1);
    expect([second.snapshotId, third.snapshotId]).toEqual([first.snapshotId, first.snapshotId]);
    expect([second.wireBytes, third.wireBytes]).toEqual([first.wireBytes, first.wireBytes]);
    expect([await countOf('snapshots'), await countOf('chunks')]).toEqual([1, chunks]);
  });

  it('of another dataset with the same rows is another, of the same chunks', async () => {
    const first = await build(readings);
    const chunks = await countOf('chunks');
    const other = await build(readings, 1, fixture.store, 'other readings');
    expect(other.checksum).not.toBe(first.checksum);
    expect([await countOf('snapshots'), await countOf('chunks')]).toEqual([2, chunks]);
  });

  it('of changed rows shares the chunks that did not change', async () => {
    const before = await build(readings);
    const chunks = await countOf('chunks');
    await fixture.database.pool.query(`UPDATE readings SET value = 'changed' WHERE site = 1 AND id = 5000`);
    const after = await build(readings);
    expect(after.checksum).not.toBe(before.checksum);
    expect((await countOf('chunks')) - chunks).toBe(1);
    await fixture.database.pool.query(`UPDATE readings SET value = md5('5000') WHERE site = 1 AND id = 5000`);
    expect((await build(readings)).snapshotId).toBe(before.snapshotId);
  });

  it('may have no rows', async () => {
    const snapshot = await build(readings, 3);
    expect(snapshot).toMatchObject({ rows: 0, bytes: 0, wireBytes: 0 });
    expect(snapshot.checksum).toBe(tableChecksum(snapshot.dataset.fingerprint, []));
    expect([await countOf('snapshots'), await countOf('snapshot_chunks')]).toEqual([1, 0]);
  });
});

describe('what is held while a snapshot is built', () => {
  it('is two batches, however slow the store is', async () => {
    const held: number[] = [];
    let holding = 0;
    class SlowStore extends ChunkStore {
      override async add(chunks: Chunk[]): Promise<{ blockBytes: number }> {
        holding += 1;
        held.push(chunks.reduce((sum, chunk) => sum + chunk.bytes, 0));
        expect(holding).toBe(1);
        expect(createHash('sha256').update(chunks[0]!.content).digest()).toEqual(chunks[0]!.digest);
        const added = await super.add(chunks);
        await delay(10);
        holding -= 1;
        return added;
      }
    }
    const query = `SELECT n AS id, repeat(md5(n::text), 30) AS filler FROM generate_series(1, 20000) AS n`;
    const { bytes } = await build(query, 1, new SlowStore(fixture.snapshots, fixture.metrics));
    expect(bytes).toBeGreaterThan(18 * MiB);
    expect(held.length).toBeGreaterThan(8);
    expect(Math.max(...held)).toBeLessThan(2.25 * MiB);
    expect(held.reduce((sum, batch) => sum + batch, 0)).toBe(bytes);
  });
});

const ONE_TEXT =
  'Cast the key in the query so that equal values have one text, as in n::numeric(12,2), or remove the duplicates.';

describe('a snapshot that cannot be built', () => {
  it.each([
    [
      'a NULL in its key',
      'SELECT nullif(id, 3) AS id FROM readings WHERE site = :site',
      'DATASET_KEY_NULL',
      String.raw`dataset readings has a NULL in its key (id): \N.`,
      'Exclude such rows in the query, or choose key columns that are never NULL.',
    ],
    [
      'two rows with one key',
      'SELECT id FROM readings',
      'DATASET_KEY_NOT_UNIQUE',
      'dataset readings has two rows with the key (id) = 1.',
      'Add a column to the key, or remove the duplicates in the query.',
    ],
    [
      'keys that PostgreSQL calls equal, though they differ as text',
      `SELECT CASE id WHEN 4711 THEN 12.00 ELSE id::numeric END AS id FROM readings WHERE site = :site`,
      'DATASET_KEY_NOT_UNIQUE',
      'dataset readings has 2 rows with the key (id) = 12, which PostgreSQL calls equal to 12.00.',
      ONE_TEXT,
    ],
    [
      'such keys of intervals in arrays',
      `SELECT ARRAY[CASE id WHEN 2 THEN '24:00' ELSE id * interval '1 day' END] AS id FROM readings WHERE site = :site`,
      'DATASET_KEY_NOT_UNIQUE',
      'dataset readings has 2 rows with the key (id) = {"1 day"}, which PostgreSQL calls equal to {24:00:00}.',
      ONE_TEXT,
    ],
    [
      'such keys of blank-padded texts',
      `SELECT (CASE id WHEN 1 THEN 'a ' WHEN 2 THEN 'a' ELSE id::text END)::bpchar AS id FROM readings WHERE site = :site`,
      'DATASET_KEY_NOT_UNIQUE',
      'dataset readings has 2 rows with the key (id) = a, which PostgreSQL calls equal to a .',
      ONE_TEXT,
    ],
    [
      'a key of such a type twice with one text',
      `SELECT nullif(id % 4000, 0)::float8 AS id FROM readings WHERE site = :site AND id IN (1, 4001, 4000)`,
      'DATASET_KEY_NOT_UNIQUE',
      'dataset readings has 2 rows with the key (id) = 1.',
      'Add a column to the key, or remove the duplicates in the query.',
    ],
    [
      'a row that is too large',
      `SELECT id, CASE id WHEN 7 THEN repeat('x', 17 * 1024 * 1024) END AS value FROM readings WHERE site = :site`,
      'ROW_TOO_LARGE',
      'dataset readings has a row of more than 16MiB at (id) = 7.',
      'Leave the large column out of the dataset, or split it; or raise CENTRAL_MAX_ROW_BYTES here, and EDGE_MAX_ROW_BYTES on the devices.',
    ],
    [
      'a query that fails on a row',
      'SELECT id, 1 / (id - 4000) AS value FROM readings WHERE site = :site',
      'DATASET_QUERY_FAILED',
      'dataset readings cannot be read: division by zero.',
      'Run the query by hand with the parameters of this device, and correct the datasets file.',
    ],
  ])(
    'because it has %s names file, line, dataset and cure, and leaves nothing',
    async (_, query, code, message, cure) => {
      const error = await refusalOf(build(query));
      expect(error.code).toBe(code);
      expect(error.message).toBe(`${folder}/datasets.yaml:5:5: ${message}`);
      expect(error.nextStep).toBe(cure);
      expect(await countOf('snapshots')).toBe(0);
    },
  );

  it('because the store fails says so, and leaves no query running', async () => {
    class FullStore extends ChunkStore {
      override add(): Promise<{ blockBytes: number }> {
        return Promise.reject(new Error('the disk is full'));
      }
    }
    const query = `SELECT n AS id, repeat('x', 1000) AS full_filler FROM generate_series(1, 20000) AS n`;
    await expect(build(query, 1, new FullStore(fixture.snapshots, fixture.metrics))).rejects.toThrow(
      'the disk is full',
    );
    expect(await countOf('snapshots')).toBe(0);
    let running: unknown[] = [query];
    for (let attempt = 0; attempt < 100 && running.length > 0; attempt++) {
      await delay(20);
      running = (
        await fixture.database.pool.query(
          `SELECT query FROM pg_stat_activity WHERE query LIKE '%full_filler%' AND pid <> pg_backend_pid()
             AND state <> 'idle'`,
        )
      ).rows;
    }
    expect(running).toEqual([]);
  });
});

describe('several builders at once', () => {
  it('of the same rows make one snapshot, without a deadlock', async () => {
    await fixture.database.pool.query(`
      CREATE TABLE many AS SELECT n AS id, repeat(md5(n::text), 20) AS value FROM generate_series(1, 8000) AS n`);
    const built = await Promise.all(Array.from({ length: 5 }, () => build('SELECT id, value FROM many')));
    expect(new Set(built.map(({ snapshotId }) => snapshotId)).size).toBe(1);
    expect(new Set(built.map(({ wireBytes }) => wireBytes)).size).toBe(1);
    expect(await countOf('snapshots')).toBe(1);
  });
});
