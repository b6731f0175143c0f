import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CentralFixture } from '../../test/central-fixture';
import { CentralEnv } from '../central-env';
import { SourceDatabase } from '../database/source-database';
import { DatasetCatalogue } from '../datasets/dataset-catalogue';
import { SnapshotService } from './snapshot.service';

jest.setTimeout(30_000);

const MAC = '48:b0:2d:e9:c3:b7';

let fixture: CentralFixture;
let service: SnapshotService;

beforeAll(async () => {
  fixture = await CentralFixture.create();
  await fixture.database.pool.query(`
    CREATE TABLE parents (id int); CREATE TABLE children (id int, parent int);
    INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1, 1)`);

  const folder = mkdtempSync(join(tmpdir(), 'rivulet-service-'));
  const path = join(folder, 'datasets.yaml');
  writeFileSync(
    path,
    `version: 1
scope:
  query: SELECT 1 AS device_id, txid_current_snapshot()::text AS moment WHERE :mac_address = '${MAC}'
datasets:
  - { name: parents, key: [id], query: "SELECT id FROM parents" }
  - { name: slow, key: [id], query: "SELECT 1 AS id, pg_sleep(0.5)::text AS nothing" }
  - { name: children, key: [id], query: "SELECT id, parent FROM children" }
`,
  );
  const catalogue = await DatasetCatalogue.load(path, fixture.database.pool);
  rmSync(folder, { recursive: true });
  const env = Object.assign(new CentralEnv(), { maxSnapshotBuilds: 1 });
  service = new SnapshotService(
    env,
    fixture.central,
    fixture.store,
    new SourceDatabase(fixture.database.pool),
    catalogue,
  );
});

afterAll(() => fixture.close());

async function rowsOf(): Promise<number[]> {
  return service.withSnapshots(MAC, async (snapshots) => snapshots.map(({ rows }) => rows));
}

async function whenSlowQueryRuns(): Promise<void> {
  const running = `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%pg_sleep%'`;
  while ((await fixture.database.pool.query(running)).rowCount === 0) await delay(10);
}

describe('the snapshots of a device', () => {
  it('show one moment of the source, whatever is committed while they are built', async () => {
    const building = rowsOf();
    await whenSlowQueryRuns();
    await fixture.database.pool.query('INSERT INTO parents VALUES (2); INSERT INTO children VALUES (2, 2)');
    expect(await building).toEqual([1, 1, 1]);
    expect(await rowsOf()).toEqual([2, 1, 2]);
  });

  it('are built for as many devices at once as is allowed, and the next is told when to come again', async () => {
    const building = rowsOf();
    const refused = rowsOf();
    await expect(refused).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    const { retryAfterSeconds } = (await refused.catch((error: unknown) => error)) as {
      retryAfterSeconds: number;
    };
    expect(retryAfterSeconds).toBeGreaterThanOrEqual(2);
    expect(retryAfterSeconds).toBeLessThan(10);
    await building;
    await expect(service.withSnapshots('00:00:00:00:00:00', async () => 0)).rejects.toMatchObject({
      code: 'DEVICE_UNKNOWN',
    });
    // Neither the one that ended nor the one that failed still counts.
    await expect(rowsOf()).resolves.toHaveLength(3);
  });
});
