import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SyncPair } from '../support/apps/sync-pair';
import { servers } from './servers';

const people = 'SELECT id, full_name, email FROM users ORDER BY id';
const waits = 'SELECT id, wait FROM waits ORDER BY id';

let directory: string;
let pair: SyncPair;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rivulet-versions-'));
  const file = join(directory, 'datasets.yaml');
  const demo = readFileSync(join(__dirname, '..', '..', 'db', 'datasets.yaml'), 'utf8');
  writeFileSync(file, `${demo}\n  - name: waits\n    key: [id]\n    query: SELECT id, wait FROM waits\n`);
  pair = await SyncPair.start({
    servers: { central: servers.central.url, edge: servers.edge.url },
    central: { CENTRAL_DATASETS_FILE: file },
    prepare: ({ pool }) => pool.query(`CREATE TABLE waits AS SELECT 1 AS id, interval '1 day' AS wait`),
  });
});

afterAll(async () => {
  await pair.stop();
  rmSync(directory, { recursive: true });
});

it('the apps run on these versions, and sync the demo data', async () => {
  for (const [database, { version }] of [
    [pair.centralDb, servers.central],
    [pair.edgeDb, servers.edge],
  ] as const) {
    const { rows } = await database.pool.query<{ server_version: string }>('SHOW server_version');
    expect(Number.parseInt(rows[0]!.server_version, 10)).toBe(version);
  }
  const synced = await pair.syncNow();
  expect(synced).toMatchObject({ status: 'applied', acknowledged: true });
  expect(synced.tables.map(({ action }) => action)).toEqual(synced.tables.map(() => 'created'));
  expect(await pair.edgeRows(waits)).toEqual(['(1,"1 day")']);
  expect((await pair.syncNow()).status).toBe('current');
});

it('a change is noticed, and travels alone', async () => {
  await pair.centralDb.pool.query(
    `UPDATE users SET full_name = 'Renamed' WHERE id = (SELECT min(id) FROM users WHERE company_id = 1)`,
  );
  const before = await pair.edgeRows(people);
  const synced = await pair.syncNow();
  expect(synced.status).toBe('applied');
  expect(synced.tables.find(({ name }) => name === 'users')!.action).toBe('patched');
  expect(synced.wireBytes).toBeLessThan(10_000);
  const after = await pair.edgeRows(people);
  expect(after.filter((row) => !before.includes(row))).toEqual([expect.stringContaining('Renamed')]);
});

it('an infinite interval arrives, or fails the sync and changes nothing, and is cured at central', async () => {
  const { pool } = pair.centralDb;
  const before = [await pair.edgeRows(people), await pair.edgeRows(waits)];
  const value = servers.central.version >= 17 ? 'infinity' : '178956970 years';
  await pool.query(`UPDATE users SET full_name = 'Renamed again' WHERE full_name = 'Renamed'`);
  await pool.query('UPDATE waits SET wait = $1', [value]);

  const synced = await pair.syncNow();

  if (value !== 'infinity' || servers.edge.version >= 17) {
    expect(synced.status).toBe('applied');
    expect(await pair.edgeRows(waits)).toEqual([`(1,${value.includes(' ') ? `"${value}"` : value})`]);
  } else {
    expect(synced).toMatchObject({
      status: 'failed',
      error: {
        code: 'APPLY_FAILED',
        message:
          `This edge's PostgreSQL cannot read a value in column wait of table waits: ` +
          'invalid input syntax for type interval: "infinity".',
        nextStep: expect.stringContaining('exclude the value in the query of dataset waits'),
      },
    });
    expect([await pair.edgeRows(people), await pair.edgeRows(waits)]).toEqual(before);
  }

  await pool.query(`UPDATE waits SET wait = '2 days'`);
  expect((await pair.syncNow()).status).toBe('applied');
  expect(await pair.edgeRows(waits)).toEqual(['(1,"2 days")']);
  expect((await pair.edgeRows(people)).filter((row) => row.includes('Renamed again'))).toHaveLength(1);
});
