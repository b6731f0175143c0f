import { inTransaction, readSource, withClient } from '@rivulet/postgres';
import { bindQuery, readChunks } from '@rivulet/snapshot';
import { CentralFixture } from '../../../test/central-fixture';
import { CentralServices } from '../../../test/central-services';
import { followPatch, watchPatches, type KeptPatch } from '../../../test/follow-patch';
import { REDATED_AFTER_FOLDS } from '../snapshot-cache';

jest.setTimeout(60_000);

const MAC = '48:b0:2d:e9:c3:b7';

const datasets = `version: 1
scope:
  query: SELECT id AS device_id, site FROM public.devices WHERE mac_address = :mac_address
datasets:
  - { name: items, key: [id], query: "SELECT id, note, site FROM items" }
  - { name: of_site, key: [id], query: "SELECT note, id FROM items WHERE site = :site" }
  - { name: texts, key: [kind, code], query: "SELECT * FROM texts WHERE code <> 'unseen'" }
`;

let fixture: CentralFixture;
let central: CentralServices;
/** That came of reading, and nobody has looked at. */
let patches: KeptPatch[];

beforeAll(async () => {
  fixture = await CentralFixture.create();
  await run(`
    CREATE TABLE public.devices (id int PRIMARY KEY, site int, mac_address text);
    INSERT INTO public.devices VALUES (1, 1, '${MAC}');
    CREATE TABLE items (id bigint PRIMARY KEY, site int, note text);
    INSERT INTO items SELECT n * 10, n % 2, n || repeat('x', 2000 + n % 1000) FROM generate_series(1, 1000) n;
    CREATE TABLE texts (kind date, code text, body text); CREATE UNIQUE INDEX ON texts (kind, code COLLATE "C");
    INSERT INTO texts SELECT date '2026-01-01' + n % 3, E'a\\tB\\\\' || md5(n::text), repeat('y', 3000) FROM generate_series(1, 1000) n;`);
  central = await CentralServices.start(fixture, datasets, {
    leastKeyedBytes: 0,
    changedChunks: { leastBytes: 0, mostCost: Infinity },
  });
  patches = watchPatches(central.readyPatches);
  await answer();
});

afterAll(() => fixture.close());

async function run(text: string): Promise<void> {
  await fixture.database.pool.query(text);
}

interface Listed {
  digest: string;
  bytes: number;
  lastKey: string;
}

interface Content {
  rows: number;
  bytes: number;
  chunks: Listed[];
}

/** By dataset, what central has stored of it now. */
async function answer(services = central): Promise<Record<string, Content>> {
  const known = await services.scopes.find({ macAddress: MAC });
  const snapshots = await services.snapshots.bringUpToDate(known);
  const contents: Record<string, Content> = {};
  for (const { dataset, snapshotId, rows, bytes } of snapshots) {
    const listed = await fixture.database.pool.query<Listed>(
      `SELECT encode(digest, 'hex') AS digest, content_bytes AS bytes, last_key AS "lastKey"
       FROM rivulet.snapshot_chunks WHERE snapshot_id = $1 ORDER BY position`,
      [snapshotId],
    );
    contents[dataset.schema.name] = { rows, bytes, chunks: listed.rows };
  }
  return contents;
}

/** The source's own answer, read whole. */
async function truth(): Promise<Record<string, Content>> {
  const { scope } = await central.scopes.find({ macAddress: MAC });
  return withClient(fixture.database.pool, (client) =>
    inTransaction(client, readSource(10_000), async () => {
      const contents: Record<string, Content> = {};
      for (const { schema, columns, definition } of central.datasets.catalogue.datasets) {
        const boundQuery = bindQuery(definition.query.template, scope.parameters);
        const content: Content = { rows: 0, bytes: 0, chunks: [] };
        for await (const chunk of readChunks(client, {
          boundQuery,
          columns,
          keyColumns: definition.key.length,
        })) {
          content.rows += chunk.rows;
          content.bytes += chunk.bytes;
          content.chunks.push({
            digest: chunk.digest.toString('hex'),
            bytes: chunk.bytes,
            lastKey: chunk.lastKey,
          });
        }
        contents[schema.name] = content;
      }
      return contents;
    }),
  );
}

async function readsOf(read: 'whole' | 'changed'): Promise<number> {
  const { values } = await fixture.metrics.snapshotsBuilt.get();
  return values.find(({ labels }) => labels.read === read)?.value ?? 0;
}

/** That patches that have come of reading lead to the new rows; and their contents. */
async function followPatches(): Promise<string[]> {
  const contents: string[] = [];
  for (const patch of patches.splice(0)) {
    expect(await followPatch(fixture, central.datasets.catalogue, patch)).toBeUndefined();
    contents.push(...patch.contents.map(({ content }) => content.toString()));
  }
  return contents;
}

/** How many datasets were read, and how, to answer after these statements; and that the answer is right. */
async function readFor(statements: string): Promise<{ changed: number; whole: number; rows: number }> {
  const before = { changed: await readsOf('changed'), whole: await readsOf('whole'), rows: await rowsRead() };
  await run(statements);
  expect(await answer()).toEqual(await truth());
  return {
    changed: (await readsOf('changed')) - before.changed,
    whole: (await readsOf('whole')) - before.whole,
    rows: (await rowsRead()) - before.rows,
  };
}

async function rowsRead(): Promise<number> {
  return (await fixture.metrics.rowsRead.get()).values[0]?.value ?? 0;
}

describe('of a dataset only the changed chunks are read after', () => {
  it('an update', async () => {
    const read = await readFor(`UPDATE items SET note = 'changed' WHERE id = 2500`);
    expect(read).toMatchObject({ changed: 1, whole: 0 });
    expect(read.rows).toBeLessThan(400);
  });

  it.each([
    ['an insert in the middle', `INSERT INTO items VALUES (5003, 1, repeat('n', 9000))`, 2],
    ['an insert before all others', `INSERT INTO items VALUES (-1, 1, 'first')`, 2],
    ['an insert behind all others', `INSERT INTO items VALUES (1000000, 1, 'last')`, 2],
    ['a delete', 'DELETE FROM items WHERE id = 7000', 1],
    ['a delete of neighbours', 'DELETE FROM items WHERE id BETWEEN 9000 AND 9400', 2],
    ['a changed key', 'UPDATE items SET id = 3 WHERE id = 4010', 2],
    ['a row that moves to another site', 'UPDATE items SET site = 1 WHERE id = 5000', 2],
    [
      'several statements',
      `BEGIN; UPDATE items SET note = 'a' WHERE id = 20; DELETE FROM items WHERE id = 9980; COMMIT`,
      1,
    ],
    [
      'rows with other texts in their key',
      `UPDATE texts SET code = E'z\\nä\\\\' WHERE code = (SELECT max(code) FROM texts)`,
      1,
    ],
    [
      'a row that the query no longer returns',
      `UPDATE texts SET code = 'unseen' WHERE code = (SELECT min(code) FROM texts)`,
      1,
    ],
  ])('%s', async (_, statements, datasetsRead) => {
    expect(await readFor(statements)).toMatchObject({ changed: datasetsRead, whole: 0 });
  });

  it('the last row of each chunk is deleted', async () => {
    const { items } = await answer();
    for (const { lastKey } of items!.chunks.slice(3, 8)) await run(`DELETE FROM items WHERE id = ${lastKey}`);
    expect(await readFor('SELECT 1')).toMatchObject({ whole: 0 });
  });

  it('a writer commits late', async () => {
    await withClient(fixture.database.pool, async (writer) => {
      await writer.query(`BEGIN; UPDATE items SET note = 'late' WHERE id = 1000`);
      expect(await readFor(`UPDATE items SET note = 'early' WHERE id = 8000`)).toMatchObject({ whole: 0 });
      await writer.query('COMMIT');
      expect(await readFor('SELECT 1')).toMatchObject({ changed: 1, whole: 0 });
    });
  });

  it('many changes of other tables, of which the oldest are forgotten', async () => {
    await answer();
    await run(`
      INSERT INTO rivulet.folds (fold, version, keys) SELECT fold + n, n, 0
      FROM (SELECT max(fold) AS fold FROM rivulet.folds) AS last, generate_series(1, ${REDATED_AFTER_FOLDS}) AS n`);
    await answer();
    await run('DELETE FROM rivulet.folds WHERE fold < (SELECT max(fold) FROM rivulet.folds)');
    const read = await readFor(`UPDATE items SET note = 'after a long time' WHERE id = 3000`);
    expect(read).toMatchObject({ changed: 1, whole: 0 });
  });
});

describe('reading the changed chunks gives a patch', () => {
  beforeEach(async () => {
    await answer();
    patches.splice(0);
  });

  it('of the changed rows alone', async () => {
    await readFor(`UPDATE items SET note = 'here' WHERE id IN (2000, 6000); DELETE FROM items WHERE id = 6010;
      INSERT INTO items VALUES (4001, 0, 'new')`);
    const lines = (await followPatches()).join('').split('\n');
    expect(lines.filter((line) => line.includes('\there'))).toEqual(['2000\there\t0', '6000\there\t0']);
    expect(lines).toContain('6010');
    expect(lines.join('\n').length).toBeLessThan(300);
  });

  it('of rows whose keys have other texts in a note, in canonical rows and in a statement', async () => {
    await readFor(`
      UPDATE texts SET body = 'tabs' WHERE (kind, code) = (SELECT kind, code FROM texts ORDER BY code LIMIT 1 OFFSET 500);
      UPDATE texts SET code = E'\\\r\v' || code WHERE (kind, code) = (SELECT kind, code FROM texts ORDER BY code LIMIT 1 OFFSET 600)`);
    const [content] = await followPatches();
    expect(content).toContain('\ta\\tB\\\\');
    expect(content!.length).toBeLessThan(3_600);
  });

  it('to whoever asks for it, who needs no contents compared', async () => {
    const known = await central.scopes.find({ macAddress: MAC });
    const [base] = await central.snapshots.bringUpToDate(known);
    await run(`UPDATE items SET note = 'asked for' WHERE id = 3330`);
    const later = await central.scopes.find({ macAddress: MAC });
    const [target] = await central.snapshots.bringUpToDate(later);
    const read = jest.spyOn(fixture.store, 'read');
    const patch = await central.patches.findOrMake(base!.checksum, target!);
    expect(read).not.toHaveBeenCalled();
    expect(await central.patches.findOrMake(base!.checksum, target!)).toEqual(patch);
    expect(patch!.wireBytes).toBeLessThan(200);
  });

  it.each([
    ['rows are as before', 'UPDATE items SET note = note WHERE id IN (2000, 6000)'],
    ['a row came and went', 'INSERT INTO items VALUES (4002, 0, 1); DELETE FROM items WHERE id = 4002'],
    [
      'many rows of a chunk have been written',
      `UPDATE items SET note = note || 'y' WHERE id BETWEEN 2010 AND 2400`,
    ],
    ['rows are too large to be put aside', `UPDATE items SET note = repeat('l', 1200000) WHERE id = 2000`],
  ])('unless %s', async (_, statements) => {
    expect(await readFor(statements)).toMatchObject({ whole: 0 });
    expect(await followPatches()).toEqual([]);
  });
});

describe('a dataset is read whole after', () => {
  it.each([
    ['TRUNCATE', 'TRUNCATE items', 2],
    [
      'an insert of more rows than are noted',
      `INSERT INTO items SELECT n * 10, n % 2, n || repeat('x', 2000 + n % 1000) FROM generate_series(1, 1000) n`,
      2,
    ],
    ['changes all over', 'UPDATE items SET site = site WHERE id % 70 = 0', 2],
    [
      'a key that is too long to be noted',
      `INSERT INTO texts VALUES ('2026-01-01', repeat('k', 600), '')`,
      1,
    ],
    [
      'a change of what its columns are',
      `ALTER TABLE texts ALTER COLUMN body TYPE text USING body || '!'; UPDATE texts SET body = 'x' WHERE code LIKE '%abc%'`,
      1,
    ],
  ])('%s', async (_, statements, datasetsRead) => {
    const read = await readFor(statements);
    expect(read).toMatchObject({ changed: 0, whole: datasetsRead });
  });
});
