import { CentralFixture } from '../../../test/central-fixture';
import { ManifestService } from '../../device-sync/manifests/manifest.service';
import { SigningKey } from '../../signing/signing-key';
import { TablePlanner } from '../../device-sync/manifests/table-planner';
import { PatchStore } from '../patches/patch-store';
import { PatchService } from '../patches/patch.service';
import { SnapshotsEnv } from '../snapshots.env';
import { RetentionService } from './retention.service';

let fixture: CentralFixture;
let retention: RetentionService;

beforeEach(async () => {
  fixture = await CentralFixture.create();
  retention = new RetentionService(new SnapshotsEnv(), fixture.central, fixture.metrics);
  // Chunk c is in both snapshots; device 1 has had both, device 2 the old one alone.
  await fixture.database.pool.query(`
    INSERT INTO rivulet.chunks (digest, rows, content_bytes, encoding, block)
      SELECT name::bytea, 1, 1, 'none', 'x' FROM unnest(ARRAY['a', 'b', 'c', 'of nobody']) AS name;
    INSERT INTO rivulet.snapshots (checksum, dataset, rows, bytes, wire_bytes)
      VALUES ('first', 'users', 1, 1, 1), ('second', 'users', 1, 1, 1);
    INSERT INTO rivulet.snapshot_chunks (snapshot_id, position, digest, content_bytes, last_key)
      VALUES (1, 0, 'a', 1, '1'), (1, 1, 'c', 1, '2'), (2, 0, 'b', 1, '1'), (2, 1, 'c', 1, '2')`);
});

afterEach(() => fixture.close());

/** A manifest of one table, and the request that it answered. */
async function enter(manifestId: string, device: string, daysAgo: number, snapshotId: number): Promise<void> {
  await fixture.database.pool.query(
    `WITH manifest AS (
       INSERT INTO rivulet.sync_manifests
         (manifest_id, request_id, device_id, mac_address, epoch, sequence, schema_version, document, issued_at)
       VALUES ($1, $1, $2, 'mac', 1, nextval('rivulet.manifest_sequence'), 'v', 'jws', now() - $3 * interval '1 day')
       RETURNING issued_at
     )
     INSERT INTO rivulet.sync_requests (request_id, device_id, mac_address, outcome, manifest_id, received_at, last_received_at, duration_ms)
     SELECT $1, $2, 'mac', 'update', $1, issued_at, issued_at, 1 FROM manifest`,
    [manifestId, device, daysAgo],
  );
  await fixture.database.pool.query(
    `INSERT INTO rivulet.sync_manifest_tables (manifest_id, position, name, action, rows, bytes, checksum, snapshot_id)
     VALUES ($1, 0, 'users', 'load', 1, 1, 'checksum', $2)`,
    [manifestId, snapshotId],
  );
}

async function column(query: string): Promise<string[]> {
  const { rows } = await fixture.database.pool.query<string[]>({ text: query, rowMode: 'array' });
  return rows.map(([value]) => String(value));
}

it('removes the payload that only old manifests name, and leaves their story', async () => {
  await enter('old', '1', 30, 1);
  await enter('new', '1', 20, 2);

  expect(await retention.collect()).toEqual({ requests: 0, manifests: 0, snapshots: 1, chunks: 2 });

  expect(await column('SELECT checksum FROM rivulet.snapshots')).toEqual(['second']);
  expect(await column(`SELECT encode(digest, 'escape') FROM rivulet.chunks ORDER BY 1`)).toEqual(['b', 'c']);
  expect(await column('SELECT checksum FROM rivulet.sync_manifest_tables')).toEqual(['checksum', 'checksum']);
  const { central: database, store, locks } = fixture;
  const patches = new PatchService(database, store, new PatchStore(database, store), locks);
  const planner = new TablePlanner(database, patches);
  const manifests = new ManifestService(database, await SigningKey.loadOrCreate(database), planner);
  await expect(manifests.plannedFrames('old')).rejects.toMatchObject({ code: 'MANIFEST_EXPIRED' });
  expect(await manifests.plannedFrames('new')).toHaveLength(2);
});

it("keeps the payload of a device's latest manifest, however long the device has been away", async () => {
  await enter('old', '1', 400, 1);
  await enter('new', '1', 20, 2);
  await enter('of the one that is away', '2', 390, 1);

  expect(await retention.collect()).toMatchObject({ snapshots: 0, manifests: 1, requests: 2 });

  expect(await column('SELECT manifest_id FROM rivulet.sync_manifests ORDER BY 1')).toEqual([
    'new',
    'of the one that is away',
  ]);
});

it('keeps what was issued lately, though a later manifest has replaced it', async () => {
  await enter('old', '1', 2, 1);
  await enter('new', '1', 1, 2);
  expect(await retention.collect()).toEqual({ requests: 0, manifests: 0, snapshots: 0, chunks: 1 });
});

it('removes nothing while a snapshot is being built, which may need what nobody names yet', async () => {
  await fixture.locks.withoutCollection(async () => expect(await retention.collect()).toBeUndefined());
  expect(await column('SELECT count(*) FROM rivulet.chunks')).toEqual(['4']);
  expect(await retention.collect()).toMatchObject({ snapshots: 2, chunks: 4 });
});
