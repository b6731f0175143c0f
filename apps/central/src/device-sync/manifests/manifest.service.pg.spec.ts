import { FRAME_HEADER_BYTES, PROTOCOL_VERSION, type Manifest } from '@rivulet/protocol';
import { CentralFixture } from '../../../test/central-fixture';
import { CentralServices } from '../../../test/central-services';
import type { IssuedManifest, ManifestOrder } from './manifest.service';
import { unpackDocument } from './pack-document';

const MAC = '48:b0:2d:e9:c3:b7';
const OTHER_MAC = '48:b0:2d:e9:c3:b8';
const NONCE = 'q83vEjRWeJCrze8SNFZ4kA';
const datasets = `version: 1
scope: { query: "SELECT 'north' AS device_id WHERE :mac_address = '${MAC}'" }
datasets:
  - { name: readings, key: [id], query: "SELECT id, value FROM readings" }
  - { name: units, key: [id], query: "SELECT id FROM units" }
`;

let fixture: CentralFixture;
let central: CentralServices;

beforeEach(async () => {
  fixture = await CentralFixture.create({ storeConnections: 8 });
  await query(`
    CREATE TABLE readings (id int PRIMARY KEY, value text);
    INSERT INTO readings SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 2000) AS n;
    CREATE TABLE units (id int PRIMARY KEY); INSERT INTO units VALUES (1)`);
  central = await CentralServices.start(fixture, datasets);
});

afterEach(() => fixture.close());

async function query<T extends object>(text: string, values?: unknown[]): Promise<T[]> {
  return (await fixture.database.pool.query<T>(text, values)).rows;
}

/** A manifest of the source as it is, for a device that says what it has. */
async function issue(asked: ManifestOrder['asked'] = { tables: [] }): Promise<IssuedManifest> {
  const known = await central.scopes.find({ macAddress: MAC });
  const snapshots = await central.snapshots.bringUpToDate(known);
  return central.manifests.issue({
    requestId: '01KAJ9V9RW4C7ZK3DYE7V1NB2S',
    device: { macAddress: MAC },
    scope: { deviceId: 'north', macAddress: MAC },
    nonce: NONCE,
    schemaVersion: known.catalogue.schemaVersion,
    snapshots,
    asked,
  });
}

function contentOf({ document }: IssuedManifest): Manifest {
  return JSON.parse(Buffer.from(document.split('.')[1]!, 'base64url').toString()) as Manifest;
}

describe('a manifest', () => {
  it('says whose it is, when and for which request it was issued, and what each table must be', async () => {
    const issued = await issue();
    const { tables, issuedAt, ...rest } = contentOf(issued);

    expect(rest).toEqual({
      protocolVersion: PROTOCOL_VERSION,
      manifestId: issued.manifestId,
      macAddress: MAC,
      epoch: 1,
      sequence: 1,
      nonce: NONCE,
      schemaVersion: central.datasets.catalogue.schemaVersion,
    });
    expect(Math.abs(Date.parse(issuedAt) - Date.now())).toBeLessThan(60_000);
    expect(tables).toMatchObject([
      { name: 'readings', table: 'readings', key: ['id'], rows: 2000 },
      { name: 'units', columns: [{ name: 'id', type: 'integer' }], rows: 1, bytes: 2 },
    ]);
  });

  it('comes after every one before it, also after those of the life of the database before', async () => {
    const manifests = [contentOf(await issue()), contentOf(await issue())];
    await query('UPDATE rivulet.central_state SET epoch = 7');
    manifests.push(contentOf(await issue()));

    expect(manifests.map(({ epoch, sequence }) => [epoch, sequence])).toEqual([
      [1, 1],
      [1, 2],
      [7, 3],
    ]);
    const ids = manifests.map(({ manifestId }) => manifestId);
    expect(ids.toSorted()).toEqual(ids);
  });

  it('is entered with its plan, as it was sent', async () => {
    const { manifestId, document, plan } = await issue();

    const entries = await query<{ packed: Buffer }>(
      'SELECT request_id, device_id, document, packed_document AS packed FROM rivulet.sync_manifests',
    );
    expect(entries).toMatchObject([
      { request_id: '01KAJ9V9RW4C7ZK3DYE7V1NB2S', device_id: 'north', document: null },
    ]);
    expect(unpackDocument(entries[0]!.packed)).toBe(document);
    expect(plan.tables).toMatchObject([{ action: 'load' }, { action: 'load' }]);
    const promised = await central.manifests.tablesOf(manifestId);
    const entered = await central.manifests.tablesOf(manifestId);
    expect(promised).toEqual(entered.map(({ name, rows, checksum }) => ({ name, rows, checksum })));
    expect(entered).toMatchObject([
      { position: 0, name: 'readings', action: 'load', rows: 2000, baseSnapshotId: null },
      { position: 1, name: 'units', action: 'load', rows: 1, baseSnapshotId: null },
    ]);
    const { tables } = contentOf({ manifestId, document, plan });
    expect(entered.map(({ checksum }) => checksum)).toEqual(tables.map(({ checksum }) => checksum));
  });

  it('leaves nothing when one of its snapshots has been collected meanwhile', async () => {
    const known = await central.scopes.find({ macAddress: MAC });
    const snapshots = await central.snapshots.bringUpToDate(known);
    await query('DELETE FROM rivulet.snapshots WHERE snapshot_id = $1', [snapshots[1]!.snapshotId]);
    const device = { macAddress: MAC };
    const order = { requestId: 'r', device, scope: known.scope, nonce: NONCE, schemaVersion: 'v', snapshots };

    await expect(central.manifests.issue({ ...order, asked: { tables: [] } })).rejects.toThrow(
      'Chunks of dataset units are no longer stored.',
    );
    expect(await query('SELECT FROM rivulet.sync_manifests')).toEqual([]);
  });
});

describe('the frames of a manifest', () => {
  it('are those of its plan, numbered through all its tables', async () => {
    const { manifestId, plan } = await issue();
    const planned = plan.tables.flatMap((table, position) =>
      table.action === 'load' ? table.chunks.map((digest) => [position, digest]) : [],
    );

    const frames = await central.manifests.plannedFrames(manifestId);
    expect(frames.map(({ table, digest }) => [table, digest.toString('hex')])).toEqual(planned);
    expect(frames.map(({ number }) => number)).toEqual(planned.map((_, number) => number));
    expect(new Set(frames.map(({ kind }) => kind))).toEqual(new Set(['chunk']));
    expect(frames.reduce((sum, { contentBytes }) => sum + contentBytes, 0)).toBe(
      contentOf({ manifestId, plan, document: (await issue()).document }).tables.reduce(
        (sum, { bytes }) => sum + bytes,
        0,
      ),
    );
  });

  it('are patches of what the device has, and nothing of what it keeps', async () => {
    const held = contentOf(await issue()).tables;
    await query(`UPDATE readings SET value = 'new' WHERE id = 1000`);
    const { manifestId, plan } = await issue({ tables: held });

    expect(plan.tables).toMatchObject([{ action: 'patch' }, { action: 'keep' }]);
    const frames = await central.manifests.plannedFrames(manifestId);
    expect(frames).toMatchObject([{ kind: 'patch', number: 0, table: 0 }]);
    expect(plan.wireBytes).toBeGreaterThan(2 * FRAME_HEADER_BYTES);
  });

  it('are the same where their number was not written down', async () => {
    const { manifestId } = await issue();
    const frames = await central.manifests.plannedFrames(manifestId);
    expect(frames.length).toBeGreaterThan(1);
    await query('UPDATE rivulet.sync_manifests SET frame_count = NULL');
    expect(await central.manifests.plannedFrames(manifestId)).toEqual(frames);
  });

  it('are read together for devices that fetch them at the same time', async () => {
    const manifests = await Promise.all(Array.from({ length: 5 }, () => issue()));
    const read = jest.spyOn(fixture.store, 'read');
    const payloads = await Promise.all(
      manifests.map(({ manifestId }) =>
        central.payloads.open(manifestId, { macAddress: MAC }, undefined, 'zstd'),
      ),
    );
    const whole = payloads.map((payload) => Buffer.concat(payload as Buffer[]));
    expect(whole.map(({ length }) => length)).toEqual(manifests.map(({ plan }) => plan.wireBytes));
    expect(new Set(whole.map((bytes) => bytes.toString('latin1'))).size).toBe(1);
    // Whoever comes first is alone, in each of the steps; the others go on together.
    const { length: blocks } = await central.manifests.plannedFrames(manifests[0]!.manifestId);
    expect(read.mock.calls.flatMap(([digests]) => digests).length).toBeLessThanOrEqual(3 * blocks);
    read.mockRestore();
  });

  it('are only the end frame when the device keeps all', async () => {
    const { tables } = contentOf(await issue());
    const { manifestId, plan } = await issue({ tables });

    expect(await central.manifests.plannedFrames(manifestId)).toEqual([]);
    expect(plan.wireBytes).toBe(FRAME_HEADER_BYTES);
  });

  it.each([
    ['the rows', 'snapshot_id'],
    ['the base of a patch', 'base_snapshot_id'],
  ])('are no longer there once %s have been collected', async (_, column) => {
    const held = contentOf(await issue()).tables;
    await query(`UPDATE readings SET value = 'new' WHERE id = 1000`);
    const { manifestId } = await issue({ tables: held });
    await query(`UPDATE rivulet.sync_manifest_tables SET ${column} = NULL WHERE manifest_id = $1`, [
      manifestId,
    ]);

    await expect(central.manifests.plannedFrames(manifestId)).rejects.toMatchObject({
      code: 'MANIFEST_EXPIRED',
      message: expect.stringContaining(manifestId) as string,
    });
  });

  it('stay when only a table that is kept has been collected', async () => {
    const { tables } = contentOf(await issue());
    const { manifestId } = await issue({ tables });
    await query('UPDATE rivulet.sync_manifest_tables SET snapshot_id = NULL WHERE manifest_id = $1', [
      manifestId,
    ]);

    expect(await central.manifests.plannedFrames(manifestId)).toEqual([]);
  });
});

it('a manifest is found by its device alone, and an unknown one is answered alike', async () => {
  const { manifestId } = await issue();
  const { manifests } = central;

  expect(await manifests.find(manifestId, { macAddress: MAC })).toEqual({
    deviceId: 'north',
    resyncSince: null,
  });
  expect(await manifests.standingOf(manifestId, 'north')).toEqual({ isReported: false });
  expect(await manifests.standingOf(manifestId, 'south')).toBeUndefined();
  const unknown = { code: 'MANIFEST_UNKNOWN', message: `This device has no manifest ${manifestId}.` };
  await expect(manifests.find(manifestId, { macAddress: OTHER_MAC })).rejects.toMatchObject(unknown);
  await query('DELETE FROM rivulet.sync_manifests');
  await expect(manifests.find(manifestId, { macAddress: MAC })).rejects.toMatchObject(unknown);
});
