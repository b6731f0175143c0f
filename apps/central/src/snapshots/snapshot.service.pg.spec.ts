import { setTimeout as delay } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { CentralFixture } from '../../test/central-fixture';
import { CentralServices, type CentralSettings } from '../../test/central-services';
import { ChunkStore } from './chunk-store';

const MACS = ['48:b0:2d:e9:c3:b7', '48:b0:2d:e9:c3:b8', '48:b0:2d:e9:c3:b9'];

const datasets = `version: 1
scope:
  query: SELECT id AS device_id, site, is_active FROM public.devices WHERE mac_address = :mac_address
datasets:
  - { name: parents, key: [id], query: "SELECT id FROM parents WHERE site = :site" }
  - { name: children, key: [id], query: "SELECT id, parent FROM children" }
`;

let fixture: CentralFixture;

beforeEach(async () => {
  fixture = await CentralFixture.create({ storeConnections: 8 });
  await fixture.database.pool.query(`
    CREATE TABLE public.devices (id int PRIMARY KEY, site int, is_active bool DEFAULT true, mac_address text);
    INSERT INTO public.devices (id, site, mac_address) VALUES (1, 1, '${MACS[0]}'), (2, 1, '${MACS[1]}'), (3, 2, '${MACS[2]}');
    CREATE TABLE parents (id int, site int); CREATE TABLE children (id int, parent int);
    INSERT INTO parents VALUES (1, 1), (10, 2); INSERT INTO children VALUES (1, 1)`);
});

afterEach(() => fixture.close());

async function start(settings: CentralSettings = {}, file = datasets): Promise<CentralServices> {
  return CentralServices.start(fixture, file, settings);
}

/** The number of rows of each snapshot of a device. */
async function rowsOf(central: CentralServices, device = 0): Promise<number[]> {
  const known = await central.scopes.find({ macAddress: MACS[device]! });
  const snapshots = await central.snapshots.bringUpToDate(known);
  return snapshots.map(({ rows }) => rows);
}

async function query(text: string): Promise<void> {
  await fixture.database.pool.query(text);
}

/** Has this committed when versions have been asked for, and nothing has been read with them. */
function afterVersions({ changes }: CentralServices, statements: string): void {
  const ask = changes.versions.bind(changes);
  jest.spyOn(changes, 'versions').mockImplementationOnce(async () => {
    const versions = await ask();
    await query(statements);
    return versions;
  });
}

async function untilActive(pattern: string): Promise<void> {
  const running = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()`;
  while ((await fixture.database.pool.query(running, [pattern])).rowCount === 0) await delay(10);
}

/** How many datasets are read meanwhile: each of these has rows, and is stored with one call. */
async function countingReads(work: () => Promise<unknown>): Promise<number> {
  const add = jest.spyOn(ChunkStore.prototype, 'add');
  try {
    await work();
    return add.mock.calls.length;
  } finally {
    add.mockRestore();
  }
}

describe('the snapshots of a scope', () => {
  it('show one moment of the source, whatever is committed while they are read', async () => {
    const slow = datasets.replace(
      '  - { name: children',
      '  - { name: slow, key: [id], query: "SELECT 1 AS id, pg_sleep(0.5)::text AS nothing" }\n  - { name: children',
    );
    const central = await start({}, slow);
    const reading = rowsOf(central);
    await untilActive('COPY%pg_sleep%');
    await query('INSERT INTO parents VALUES (2, 1); INSERT INTO children VALUES (2, 2)');
    expect(await reading).toEqual([1, 1, 1]);
    expect(await rowsOf(central)).toEqual([2, 1, 2]);
  });

  it('are not read again while nothing has changed, by whatever device of the scope', async () => {
    const central = await start();
    await rowsOf(central);
    const read = await countingReads(async () => {
      await Promise.all([rowsOf(central), rowsOf(central, 1), rowsOf(central)]);
    });
    expect(read).toBe(0);
  });

  it('share what does not depend on what differs in two scopes', async () => {
    const central = await start();
    await rowsOf(central);
    const read = await countingReads(async () => {
      expect(await rowsOf(central, 2)).toEqual([1, 1]);
    });
    // That of the other parents.
    expect(read).toBe(1);
  });

  it('are read once for many devices that ask at once', async () => {
    const central = await start();
    const read = await countingReads(async () => {
      await Promise.all(Array.from({ length: 50 }, (_, index) => rowsOf(central, index % 2)));
    });
    expect(read).toBe(2);
  });

  it('are read once by several centrals on one database', async () => {
    const centrals = await Promise.all([start(), start(), start()]);
    const read = await countingReads(async () => {
      await Promise.all(centrals.map((central, index) => rowsOf(central, index % 2)));
    });
    expect(read).toBe(2);
  });

  it('follow every kind of change', async () => {
    const central = await start();
    expect(await rowsOf(central)).toEqual([1, 1]);
    await query('INSERT INTO parents VALUES (2, 1)');
    expect(await rowsOf(central)).toEqual([2, 1]);
    await query('DELETE FROM children');
    expect(await rowsOf(central)).toEqual([2, 0]);
    await query('UPDATE parents SET site = 1');
    expect(await rowsOf(central)).toEqual([3, 0]);
    await query('TRUNCATE parents');
    expect(await rowsOf(central)).toEqual([0, 0]);
  });

  it('follow a writer that began before they were read, and committed after', async () => {
    const central = await start();
    const writer = await fixture.database.pool.connect();
    try {
      await writer.query('BEGIN; INSERT INTO children VALUES (2, 1)');
      expect(await rowsOf(central)).toEqual([1, 1]);
      await writer.query('COMMIT');
    } finally {
      writer.release();
    }
    expect(await rowsOf(central)).toEqual([1, 2]);
  });

  it('follow a device that moves to another scope, or is switched off', async () => {
    const central = await start();
    expect(await rowsOf(central)).toEqual([1, 1]);
    await query('INSERT INTO parents VALUES (11, 2); UPDATE public.devices SET site = 2 WHERE id = 1');
    expect(await rowsOf(central)).toEqual([2, 1]);
    await query('UPDATE public.devices SET is_active = false WHERE id = 1');
    await expect(rowsOf(central)).rejects.toMatchObject({ code: 'DEVICE_INACTIVE' });
  });

  it('are not given to a device whose MAC address was reassigned meanwhile', async () => {
    const central = await start();
    const known = await central.scopes.find({ macAddress: MACS[0]! });
    await query('DELETE FROM public.devices WHERE id = 1; UPDATE public.devices SET id = 4 WHERE id = 2');
    await query(`UPDATE public.devices SET mac_address = '${MACS[0]}' WHERE id = 4`);
    await expect(central.snapshots.bringUpToDate(known)).rejects.toMatchObject({ code: 'DEVICE_UNKNOWN' });
  });

  it('and the scope are of one moment, though the device moves just before they are read', async () => {
    const polled = datasets.replace('site = :site"', `site = :site AND now() > timestamptz 'epoch'"`);
    const central = await start({ pollIntervalMs: 0 }, polled);
    const known = await central.scopes.find({ macAddress: MACS[0]! });
    // At no moment is there a second parent at its site.
    afterVersions(central, 'INSERT INTO parents VALUES (2, 1); UPDATE public.devices SET site = 2');
    expect(await central.snapshots.bringUpToDate(known)).toMatchObject([{ rows: 1 }, { rows: 1 }]);
  });

  it('are not those of before a change that has moved the device to their scope', async () => {
    const central = await start();
    for (const site of [2, 1]) {
      await query(`UPDATE public.devices SET site = ${site} WHERE id = 1`);
      await rowsOf(central);
    }
    await query('UPDATE public.devices SET is_active = true WHERE id = 1');
    afterVersions(central, 'DELETE FROM parents; UPDATE public.devices SET site = 2 WHERE id = 1');
    const known = await central.scopes.find({ macAddress: MACS[0]! });
    expect(central.snapshots.current(known)).toBeUndefined();
  });

  it('are those of now while every request finds the source changed', async () => {
    const central = await start();
    for (let count = 2; count < 20; count++) {
      await query(`INSERT INTO children VALUES (${count}, 1)`);
      expect(await rowsOf(central)).toEqual([1, count]);
    }
  });

  it('are read when it is their turn', async () => {
    const central = await start({ maxSnapshotBuilds: 1 });
    const writer = await fixture.database.pool.connect();
    await writer.query('BEGIN; LOCK parents');
    const reading = rowsOf(central);
    await untilActive('%FROM parents%');
    const waiting = rowsOf(central, 2);
    await writer.query('COMMIT');
    writer.release();
    expect(await Promise.all([reading, waiting])).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  describe('while a table is locked for long (lock-on-unchanged-table)', () => {
    let locker: PoolClient;

    beforeEach(async () => {
      locker = await fixture.database.pool.connect();
      await locker.query(`SET application_name = 'a migration'`);
    });
    afterEach(() => locker.release(true));

    it('are brought up to date if that table has not changed, and definitions are looked at', async () => {
      const central = await start();
      await rowsOf(central);
      await locker.query('BEGIN; LOCK TABLE children IN ACCESS EXCLUSIVE MODE');
      await query('INSERT INTO parents VALUES (2, 1)');
      expect(await rowsOf(central)).toEqual([2, 1]);
      await central.watch.reconcile();
      await query('INSERT INTO parents VALUES (3, 1)');
      expect(await rowsOf(central)).toEqual([3, 1]);
      expect(central.watch.lastLook).toMatchObject({ failure: undefined });
    });

    it('are refused if that table has changed, with a reason that names it and who has locked it', async () => {
      const central = await start();
      await rowsOf(central);
      await query('INSERT INTO children VALUES (2, 1)');
      await locker.query('BEGIN; LOCK TABLE children IN ACCESS EXCLUSIVE MODE');
      const { rows } = await locker.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      const refused = rowsOf(central);
      await expect(refused).rejects.toMatchObject({ code: 'SERVER_BUSY' });
      const place = `.children is locked by process ${rows[0]!.pid} (a migration, `;
      await expect(refused).rejects.toThrow(place);
    });
  });

  it('are known without a question to any database, once they have been asked for', async () => {
    const central = await start();
    const known = await central.scopes.find({ macAddress: MACS[0]! });
    expect(central.snapshots.current(known)).toBeUndefined();
    await rowsOf(central);
    await rowsOf(central);
    const again = await central.scopes.find({ macAddress: MACS[0]! });
    expect(central.snapshots.current(again)?.map(({ rows }) => rows)).toEqual([1, 1]);
    await query('INSERT INTO children VALUES (2, 1)');
    expect(central.snapshots.current(await central.scopes.find({ macAddress: MACS[0]! }))).toBeUndefined();
  });
});

describe('where changes are not detected', () => {
  const now = performance.now.bind(performance);
  let passedMs = 0;

  beforeEach(() => {
    passedMs = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now() + passedMs);
  });
  afterEach(() => jest.restoreAllMocks());

  it('snapshots are read again when they are older than the interval, and not before', async () => {
    const central = await start({ changeDetection: 'poll', pollIntervalMs: 60_000 });
    expect(await rowsOf(central)).toEqual([1, 1]);
    await query('INSERT INTO children VALUES (2, 1)');
    expect(await rowsOf(central)).toEqual([1, 1]);
    passedMs += 60_000;
    expect(await rowsOf(central)).toEqual([1, 2]);
  });

  it('polling-clock-back: nothing is stale because the clock of the database was set back', async () => {
    // Entries made before belong to a time that is still to come.
    await query(`
      CREATE FUNCTION ahead() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.read_at := now() + interval '120 seconds'; RETURN NEW; END $$;
      CREATE TRIGGER ahead BEFORE INSERT OR UPDATE ON rivulet.snapshot_cache FOR EACH ROW EXECUTE FUNCTION ahead()`);
    const central = await start({ changeDetection: 'poll', pollIntervalMs: 60_000 });
    expect(await rowsOf(central)).toEqual([1, 1]);
    await query('INSERT INTO children VALUES (2, 1)');
    passedMs += 60_000;
    expect(await rowsOf(central)).toEqual([1, 2]);
  });

  it('what another process has read is read again, as nobody knows for how long that process was stopped', async () => {
    const settings = { changeDetection: 'poll', pollIntervalMs: 60_000 } as const;
    await rowsOf(await start(settings));
    await query('INSERT INTO children VALUES (2, 1)');
    expect(await rowsOf(await start(settings))).toEqual([1, 2]);
  });

  it('a dataset with a clock is read again along with whatever has changed beside it', async () => {
    const clock = datasets.replace('FROM children"', "FROM children WHERE now() > timestamptz 'epoch'\"");
    const central = await start({ pollIntervalMs: 60_000 }, clock);
    expect(await rowsOf(central)).toEqual([1, 1]);
    await query('INSERT INTO children VALUES (2, 1); INSERT INTO parents VALUES (2, 1)');
    expect(await rowsOf(central)).toEqual([2, 2]);
  });
});
