import { CentralFixture } from '../../../test/central-fixture';
import { ManifestService } from '../../device-sync/manifests/manifest.service';
import { SigningKey } from '../../signing/signing-key';
import { TablePlanner } from '../../device-sync/manifests/table-planner';
import { PatchStore } from '../patches/patch-store';
import { PatchService } from '../patches/patch.service';
import { ReadyPatches } from '../patches/ready-patches';
import { SnapshotsEnv } from '../snapshots.env';
import { whileNothingIsCollected } from '../snapshot-locks';
import type { RetentionService } from './retention.service';
import { StoreIndicator } from './store.indicator';

let fixture: CentralFixture;
let retention: RetentionService;

beforeEach(async () => {
  fixture = await CentralFixture.create();
  retention = fixture.retention();
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
       VALUES ($1, $1, $2, 'mac', 1, nextval('rivulet.manifest_sequence'), 'v', 'jws', now() - $3::float8 * interval '1 day')
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

/** All that is there was entered long ago, so that nobody is about to name it. */
async function age(): Promise<void> {
  await fixture.database.pool.query(`
    UPDATE rivulet.chunks SET created_at = now() - interval '1 day';
    UPDATE rivulet.snapshots SET created_at = now() - interval '1 day';
    UPDATE rivulet.snapshot_patches SET created_at = now() - interval '1 day'`);
}

async function acknowledge(manifestId: string, status = 'applied'): Promise<void> {
  await fixture.database.pool.query(
    `INSERT INTO rivulet.sync_acknowledgements (manifest_id, device_id, status, cycle_id, finished_at, duration_ms, tables)
     SELECT manifest_id, device_id, $2, 'c', now(), 1, '[]' FROM rivulet.sync_manifests WHERE manifest_id = $1`,
    [manifestId, status],
  );
}

const snapshots = 'SELECT checksum FROM rivulet.snapshots ORDER BY 1';
const chunks = `SELECT encode(digest, 'escape') FROM rivulet.chunks ORDER BY 1`;
const manifests = 'SELECT manifest_id FROM rivulet.sync_manifests ORDER BY 1';

it('removes the payload that only superseded manifests name, and leaves their story', async () => {
  await enter('old', '1', 30, 1);
  await enter('new', '1', 20, 2);
  await age();

  expect(await retention.sweep()).toEqual({ requests: 0, manifests: 0, snapshots: 1, patches: 0, chunks: 2 });

  expect(await column(snapshots)).toEqual(['second']);
  expect(await column(chunks)).toEqual(['b', 'c']);
  expect(await column('SELECT checksum FROM rivulet.sync_manifest_tables')).toEqual(['checksum', 'checksum']);
  const { central: database, store } = fixture;
  const patches = new PatchService(database, store, new PatchStore(database, store), new ReadyPatches());
  const planner = new TablePlanner(database, patches);
  const service = new ManifestService(database, await SigningKey.loadOrCreate(database), planner);
  await expect(service.plannedFrames('old')).rejects.toMatchObject({ code: 'MANIFEST_EXPIRED' });
  expect(await service.plannedFrames('new')).toHaveLength(2);
});

it("keeps the payload of a device's latest manifest, however long the device has been away", async () => {
  await enter('old', '1', 400, 1);
  await enter('new', '1', 20, 2);
  await enter('of the one that is away', '2', 390, 1);
  await age();

  expect(await retention.sweep()).toMatchObject({ snapshots: 0, manifests: 1, requests: 2 });

  expect(await column(manifests)).toEqual(['new', 'of the one that is away']);
});

it('keeps the latest manifest that a device has applied, though later ones have failed', async () => {
  await enter('applied before', '1', 420, 1);
  await enter('applied', '1', 410, 1);
  await enter('failed', '1', 400, 2);
  await enter('latest', '1', 20, 2);
  await acknowledge('applied before');
  await acknowledge('applied');
  await acknowledge('failed', 'failed');

  expect(await retention.sweep()).toMatchObject({ manifests: 2 });

  expect(await column(manifests)).toEqual(['applied', 'latest']);
});

it('keeps what was superseded a moment ago, as it may be being downloaded', async () => {
  await enter('old', '1', 10 / 86_400, 1);
  await enter('new', '1', 0, 2);
  await age();
  expect(await retention.sweep()).toMatchObject({ snapshots: 0, chunks: 1 });
  await fixture.database.pool.query(
    `UPDATE rivulet.sync_manifests SET issued_at = now() - interval '5 minutes'`,
  );
  expect(await retention.collect()).toMatchObject({ snapshots: 1, chunks: 1 });
});

it('keeps what a manifest patches until that is applied, and the patch with it', async () => {
  await enter('latest', '1', 1, 2);
  await fixture.database.pool.query(`
    UPDATE rivulet.sync_manifest_tables SET action = 'patch', base_snapshot_id = 1;
    INSERT INTO rivulet.chunks (digest, rows, content_bytes, encoding, block) VALUES ('patch', 1, 1, 'none', 'x');
    INSERT INTO rivulet.snapshot_patches (base_snapshot_id, snapshot_id, position, digest, content_bytes, frame_count)
      VALUES (1, 2, 0, 'patch', 1, 1)`);
  await age();
  expect(await retention.collect()).toMatchObject({ snapshots: 0, patches: 0 });

  await acknowledge('latest');

  expect(await retention.collect()).toMatchObject({ snapshots: 1, patches: 1, chunks: 2 });
  expect(await column(chunks)).toEqual(['b', 'c', 'of nobody']);
});

it('leaves what was entered in this moment, which a build or a request is about to name', async () => {
  expect(await retention.sweep()).toMatchObject({ snapshots: 0, chunks: 0 });
  await age();
  expect(await retention.sweep()).toMatchObject({ snapshots: 2, chunks: 4 });
});

it('leaves what a build has entered that still reads other datasets, however long it takes', async () => {
  await fixture.database.pool.query(`UPDATE rivulet.snapshots SET created_at = now() - interval '3 hours'`);
  await fixture.locks.whileBuilding([['key']], async () => {
    expect(await retention.sweep()).toMatchObject({ snapshots: 0 });
  });
  expect(await retention.sweep()).toMatchObject({ snapshots: 2 });
});

it('removes what was superseded while others build', async () => {
  await enter('old', '1', 30, 1);
  await enter('new', '1', 20, 2);
  await fixture.locks.whileBuilding([['key']], async () => {
    expect(await retention.collect()).toMatchObject({ snapshots: 1 });
  });
});

it('removes nothing while something is being entered, and does not wait for long', async () => {
  await age();
  await whileNothingIsCollected(fixture.central, async () => {
    expect(await retention.sweep()).toMatchObject({ snapshots: 0, chunks: 0 });
  });
  expect(await retention.sweep()).toMatchObject({ snapshots: 2, chunks: 4 });
});

describe('a store that is larger than it may be', () => {
  /** Four contents of a megabyte, each of another device, the oldest first. */
  beforeEach(async () => {
    await fixture.database.pool.query(`
      INSERT INTO rivulet.chunks (digest, rows, content_bytes, encoding, block)
        SELECT ('large' || n || ' ' || part)::bytea, 1, 1, 'none', decode(repeat(md5(n || ' ' || part), 16384), 'hex')
        FROM generate_series(1, 4) n, generate_series(1, 4) part;
      INSERT INTO rivulet.snapshots (checksum, dataset, rows, bytes, wire_bytes) SELECT 'large' || n, 'users', 1, 1, 1048576 FROM generate_series(1, 4) n;
      INSERT INTO rivulet.snapshot_chunks (snapshot_id, position, digest, content_bytes, last_key)
        SELECT 2 + n, part, ('large' || n || ' ' || part)::bytea, 1, '1' FROM generate_series(1, 4) n, generate_series(1, 4) part`);
    await enter('before', '1', 200, 1);
    for (const n of [1, 2, 3, 4]) await enter(`of device ${n}`, String(n), 10 - n, 2 + n);
    await age();
  });

  it('loses what has been unused for longest, as much as is needed, and can be read again', async () => {
    const limited = fixture.retention({ storeMaxBytes: 4_000_000 });
    await limited.sweep();
    expect(await limited.keepLimit()).toMatchObject({ snapshots: 2, chunks: 8 });
    expect(await column(snapshots)).toEqual(['large3', 'large4']);
    expect(await limited.keepLimit()).toMatchObject({ snapshots: 0 });
  });

  it('loses nothing that a device may be downloading', async () => {
    await fixture.database.pool.query('UPDATE rivulet.sync_manifests SET issued_at = now()');
    const limited = fixture.retention({ storeMaxBytes: 1_000_000 });
    await limited.keepLimit();
    expect(await column(snapshots)).toEqual(expect.arrayContaining(['large1', 'large2', 'large3', 'large4']));
  });

  it('says so in its health, with the figure and what to do', async () => {
    const env = Object.assign(new SnapshotsEnv(), { storeMaxBytes: 2_000_000 });
    const limited = fixture.retention(env);
    await limited.keepLimit();
    const { up, detail } = await new StoreIndicator(limited, env).check();
    expect({ up, ...detail }).toMatchObject({ up: false, maxBytes: 2_000_000 });
    expect(detail!['problem']).toContain('Raise it if there is room on the disk');
    expect(detail!['bytes']).toBeGreaterThan(2_000_000);
  });

  it('is left alone while it is within its limit', async () => {
    const limited = fixture.retention();
    expect(await limited.keepLimit()).toMatchObject({ snapshots: 0 });
    const { up, detail } = await new StoreIndicator(limited, new SnapshotsEnv()).check();
    expect({ up, ...detail }).toMatchObject({ up: true, of: { chunks: expect.any(Number) as number } });
  });
});
