import type { DeviceTable } from '@rivulet/protocol';
import { CentralFixture } from '../../../test/central-fixture';
import { CentralServices } from '../../../test/central-services';
import type { Snapshot } from '../../snapshots/snapshot';
import { TablePlanner } from './table-planner';

const MAC = '48:b0:2d:e9:c3:b7';
const datasets = `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address = '${MAC}'" }
datasets:
  - { name: readings, key: [id], query: "SELECT id, value FROM readings" }
`;
const ABSENT = '0'.repeat(64);

let fixture: CentralFixture;
let central: CentralServices;
let planner: TablePlanner;

beforeEach(async () => {
  fixture = await CentralFixture.create({ storeConnections: 8 });
  await fixture.database.pool.query(`
    CREATE TABLE readings (id int PRIMARY KEY, value text);
    INSERT INTO readings SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 2000) AS n`);
  central = await CentralServices.start(fixture, datasets);
  planner = new TablePlanner(fixture.central, central.patches);
});

afterEach(() => fixture.close());

async function snapshot(): Promise<Snapshot> {
  const [readings] = await central.snapshots.bringUpToDate(await central.scopes.find({ macAddress: MAC }));
  return readings!;
}

/** The rows before a change of one, and after it. */
async function twoSnapshots(): Promise<[Snapshot, Snapshot]> {
  const before = await snapshot();
  await fixture.database.pool.query(`UPDATE readings SET value = 'new' WHERE id = 1000`);
  return [before, await snapshot()];
}

/** The request of a device that has just this. */
function holding(
  { dataset, checksum }: Snapshot,
  other: Partial<DeviceTable> = {},
): { tables: DeviceTable[] } {
  return { tables: [{ name: 'readings', fingerprint: dataset.fingerprint, checksum, ...other }] };
}

async function digests(query: string, ...values: unknown[]): Promise<string[]> {
  const { rows } = await fixture.database.pool.query<{ digest: string }>(
    `SELECT encode(digest, 'hex') AS digest FROM ${query} ORDER BY position`,
    values,
  );
  return rows.map(({ digest }) => digest);
}

function chunksOf({ snapshotId }: Snapshot): Promise<string[]> {
  return digests('rivulet.snapshot_chunks WHERE snapshot_id = $1', snapshotId);
}

it('has a device keep what it has already', async () => {
  const only = await snapshot();
  expect(await planner.plan(only, holding(only))).toEqual({
    plan: { name: 'readings', action: 'keep' },
    baseSnapshotId: null,
    wireBytes: 0,
  });
});

it('names all chunks to a device that has nothing, in their order', async () => {
  const only = await snapshot();
  const chunks = await chunksOf(only);
  expect(chunks.length).toBeGreaterThan(1);
  expect(await planner.plan(only, { tables: [] })).toEqual({
    plan: { name: 'readings', action: 'load', chunks },
    baseSnapshotId: null,
    wireBytes: only.wireBytes,
  });
});

it('has a device patch an earlier content', async () => {
  const [before, after] = await twoSnapshots();
  const planned = await planner.plan(after, holding(before));

  const frames = await digests(
    'rivulet.snapshot_patches WHERE base_snapshot_id = $1 AND snapshot_id = $2',
    before.snapshotId,
    after.snapshotId,
  );
  expect(frames).toHaveLength(1);
  expect(planned).toMatchObject({
    plan: { name: 'readings', action: 'patch', frames },
    baseSnapshotId: before.snapshotId,
  });
  expect(planned.wireBytes).toBeGreaterThan(0);
  expect(planned.wireBytes).toBeLessThan(after.wireBytes / 10);
});

it.each<[string, (before: Snapshot) => { tables: DeviceTable[]; wholeTables?: boolean }]>([
  ['asks for whole tables', (before) => ({ ...holding(before), wholeTables: true })],
  ['has other columns', (before) => holding(before, { fingerprint: ABSENT })],
  ['has a content that central never made', (before) => holding(before, { checksum: ABSENT })],
  ['has it under another name', (before) => holding(before, { name: 'users' })],
])('names the chunks to a device that %s', async (_, held) => {
  const [before, after] = await twoSnapshots();
  const { plan, baseSnapshotId } = await planner.plan(after, held(before));
  expect(plan).toEqual({ name: 'readings', action: 'load', chunks: await chunksOf(after) });
  expect(baseSnapshotId).toBeNull();
});

it('names no chunk of a table without rows', async () => {
  await fixture.database.pool.query('TRUNCATE readings');
  const empty = await snapshot();
  const { plan, wireBytes } = await planner.plan(empty, { tables: [] });
  expect({ plan, wireBytes }).toEqual({
    plan: { name: 'readings', action: 'load', chunks: [] },
    wireBytes: 0,
  });
});
