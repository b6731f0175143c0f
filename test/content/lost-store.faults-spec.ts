import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { CentralServices } from '../../apps/central/test/central-services';
import { macAddress } from '../../apps/edge/test/sync-cycle-fixture';
import type { Snapshot } from '../../apps/central/src/snapshots/snapshot';
import { SyncInProcess } from '../support/apps/sync-in-process';

const source = `
CREATE SCHEMA source;
CREATE TABLE source.readings (id int PRIMARY KEY, value text);
INSERT INTO source.readings SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 3000) AS n;
CREATE TABLE source.units (id int PRIMARY KEY, name text);
INSERT INTO source.units SELECT n, 'unit ' || n FROM generate_series(1, 100) AS n`;

const datasets = `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address <> ''" }
datasets:
  - { name: readings, key: [id], query: "SELECT id, value FROM source.readings" }
  - { name: units, key: [id], query: "SELECT id, name FROM source.units" }
`;

let pair: SyncInProcess;
let central: CentralServices;
let warn: jest.SpyInstance;

beforeEach(async () => {
  pair = await SyncInProcess.create(source, '');
  central = await pair.services(datasets);
  warn = jest.spyOn(Logger.prototype, 'warn');
});

afterEach(async () => {
  warn.mockRestore();
  await pair.close();
});

async function atCentral(statement: string): Promise<void> {
  await pair.central.database.pool.query(statement);
}

async function atCentralRows<T extends object>(statement: string): Promise<T[]> {
  return (await pair.central.database.pool.query<T>(statement)).rows;
}

async function snapshots(): Promise<Snapshot[]> {
  return central.snapshots.bringUpToDate(await central.scopes.find({ macAddress }));
}

/** Lines about the store. */
function toldOfLoss(): string[] {
  return warn.mock.calls.map(([, message]) => String(message)).filter((message) => message.includes('lost'));
}

async function expectEqual(): Promise<void> {
  for (const [table, columns] of [
    ['readings', ['id', 'value']],
    ['units', ['id', 'name']],
  ] as const) {
    const [wanted, held] = await pair.bothTexts(table, [...columns]);
    expect(held).toEqual(wanted);
  }
}

const change = `UPDATE source.readings SET value = 'changed' WHERE id % 700 = 0; UPDATE source.units SET name = 'new' WHERE id = 50`;

describe.each([
  ['lost-chunks: all chunks', 'DELETE FROM rivulet.chunks'],
  ['half of the chunks', `DELETE FROM rivulet.chunks WHERE get_byte(digest, 0) % 2 = 0`],
  ['the lists of the chunks', 'DELETE FROM rivulet.snapshot_chunks'],
  ['the ends of these lists', 'DELETE FROM rivulet.snapshot_chunks WHERE position >= 2'],
  ['the snapshots', 'DELETE FROM rivulet.snapshots'],
  ['the cache', 'DELETE FROM rivulet.snapshot_cache'],
  ['the patches', 'DELETE FROM rivulet.snapshot_patches'],
  ['the frames of manifests', 'DELETE FROM rivulet.sync_manifest_tables'],
  ['the manifests', 'DELETE FROM rivulet.sync_manifests'],
  ['everything', 'TRUNCATE rivulet.chunks, rivulet.snapshots, rivulet.sync_manifests CASCADE'],
])('when central has lost %s', (_, loss) => {
  it('the next sync of a device that has an earlier content brings that of now', async () => {
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    await atCentral(loss);
    await atCentral(change);
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    await expectEqual();
  });

  it('the first sync of a device that has nothing brings everything', async () => {
    await snapshots();
    await atCentral(loss);
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    await expectEqual();
  });
});

describe('a loss of chunks', () => {
  it('is told once, with counts, however many devices ask, and counted', async () => {
    await pair.sync(central);
    await atCentral('DELETE FROM rivulet.chunks');
    const lost = jest.spyOn(pair.central.metrics.lost, 'inc');
    const ask = async (device: number): Promise<unknown> =>
      central.requests.answer(
        `01KAJ9V9RW4C7ZK3DYE7V1NB${device}`,
        { macAddress: `48:b0:2d:e9:c3:${device}` },
        { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] },
      );
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(10 + index)));

    expect(answers).toEqual(answers.map(() => expect.objectContaining({ status: 'update' }) as object));
    expect(toldOfLoss()).toHaveLength(1);
    expect(toldOfLoss()[0]).toMatch(
      /^Parts of the store are lost: \d+ chunks, so that 2 snapshots and 0 patches/,
    );
    expect(lost).toHaveBeenCalledWith({ kind: 'snapshots' }, 2);
  });

  it('between the manifest and its payload ends that cycle, and the next one brings the rows', async () => {
    const open = jest.spyOn(central.payloads, 'open').mockImplementationOnce(async () => {
      await atCentral('DELETE FROM rivulet.chunks');
      throw new RivuletError('MANIFEST_EXPIRED', 'Chunks are lost.');
    });
    expect(await pair.sync(central)).toMatchObject({ error: { code: 'MANIFEST_EXPIRED' } });
    expect(open).toHaveBeenCalledTimes(1);
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    await expectEqual();
  });

  it('is mended after a restart of central, too', async () => {
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    await atCentral(change);
    await snapshots();
    await atCentral('DELETE FROM rivulet.chunks');
    const restarted = await pair.services(datasets);
    expect(await pair.sync(restarted)).toMatchObject({ status: 'applied' });
    await expectEqual();
  });

  it('is not told of what was collected while it was looked for', async () => {
    await pair.sync(central);
    await atCentral('DELETE FROM rivulet.snapshots');
    await atCentral(change);
    await pair.sync(central);
    expect(toldOfLoss()).toEqual([]);
  });
});

describe('a patch that has lost', () => {
  it.each([
    ['a frame', `DELETE FROM rivulet.chunks WHERE digest IN (SELECT digest FROM rivulet.snapshot_patches)`],
    ['an entry of its list', 'DELETE FROM rivulet.snapshot_patches WHERE position = 1'],
  ])('%s is made again', async (_, loss) => {
    await pair.sync(central);
    const [before] = await snapshots();
    // Of more than one frame.
    await atCentral(`UPDATE source.readings SET value = repeat(md5('new' || id), 4) WHERE id % 3 = 0`);
    const [after] = await snapshots();
    const patch = await central.patches.findOrMake(before!.checksum, after!);
    expect(patch!.frames.length).toBeGreaterThan(1);

    await atCentral(loss);

    expect(await pair.sync(central)).toMatchObject({ status: 'applied', plan: ['patch', 'keep'] });
    expect(toldOfLoss()).toHaveLength(1);
    await expectEqual();
  });
});

function toldOfDamage(): string[] {
  return warn.mock.calls.map(([, message]) => String(message)).filter((line) => line.includes('digests say'));
}

/** All frames of a new manifest, with blocks of zlib. Resolves to their bytes. */
async function fetchAll(): Promise<number> {
  const asked = { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] };
  await central.requests.answer('01KAJ9V9RW4C7ZK3DYE7V1NB00', { macAddress }, asked);
  const [newest] = await atCentralRows<{ manifestId: string }>(
    'SELECT manifest_id AS "manifestId" FROM rivulet.sync_manifests ORDER BY sequence DESC LIMIT 1',
  );
  const payload = await central.payloads.open(newest!.manifestId, { macAddress }, undefined, 'zlib');
  let bytes = 0;
  for await (const piece of payload) bytes += piece.length;
  return bytes;
}

/** Every block has bytes that it was not stored with. */
const damage = `UPDATE rivulet.chunks SET block = set_byte(block, length(block) / 2, 255 - get_byte(block, length(block) / 2))`;

describe('when stored chunks are damaged', () => {
  it('a device that gets them reports it, and the next sync brings the rows', async () => {
    await snapshots();
    await atCentral(damage);
    expect(await pair.sync(central)).toMatchObject({ status: 'failed', error: { code: 'FRAME_INVALID' } });
    await central.damage.onApplicationShutdown();
    expect(toldOfDamage()).toHaveLength(1);
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    await expectEqual();
  });

  it('the patch that needs them is not made, and the rows come as chunks', async () => {
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    await atCentral(damage);
    await atCentral(change);
    expect(await pair.sync(central)).toMatchObject({ status: 'applied' });
    expect(toldOfDamage()).not.toEqual([]);
    await expectEqual();
  });

  it('a client of zlib gets no part of them, and the next payload is whole', async () => {
    await snapshots();
    await atCentral(damage);
    await expect(fetchAll()).rejects.toMatchObject({ code: 'MANIFEST_EXPIRED' });
    expect(await fetchAll()).toBeGreaterThan(10_000);
  });

  it('is looked for once, however often a device says so', async () => {
    await pair.sync(central);
    const read = jest.spyOn(central.manifests, 'plannedFrames');
    const { manifestId } = (
      await atCentralRows<{ manifestId: string }>(
        'SELECT manifest_id AS "manifestId" FROM rivulet.sync_manifests',
      )
    )[0]!;
    await Promise.all(Array.from({ length: 50 }, async () => central.damage.look(manifestId)));
    expect(read).toHaveBeenCalledTimes(1);
    expect(toldOfDamage()).toEqual([]);
  });
});
