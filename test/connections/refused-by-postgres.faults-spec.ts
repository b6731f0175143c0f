import type { TestDatabase } from '@rivulet/testing';
import { edgeInProcess } from '../support/apps/edge-in-process';
import { SyncPair, until } from '../support/apps/sync-pair';

jest.setTimeout(120_000);

let pair: SyncPair;

beforeEach(async () => {
  pair = await SyncPair.start({ starters: edgeInProcess({ retries: 0 }) });
});

afterEach(() => pair.stop());

function nameOf({ url }: TestDatabase): string {
  return new URL(url).pathname.slice(1);
}

/** From another database, as one that is closed lets nobody in. Who is in has to connect again. */
async function setOpen(database: TestDatabase, other: TestDatabase, isOpen: boolean): Promise<void> {
  const name = nameOf(database);
  await other.pool.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${isOpen}`);
  if (isOpen) return;
  await other.pool.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [
    name,
  ]);
}

async function ready(url: string): Promise<number> {
  return (await fetch(`${url}/health/ready`)).status;
}

async function changeRows(): Promise<void> {
  await pair.centralDb.pool.query(`UPDATE users SET full_name = full_name || ' again'`);
}

describe('connect-refused', () => {
  const words = 'is not currently accepting connections';

  it("by central's database is said in PostgreSQL's own words, until it lets central in", async () => {
    await setOpen(pair.centralDb, pair.edgeDb, false);
    await until('it is not ready', async () => (await ready(pair.central.url)) === 503);
    const { error } = await pair.syncNow();
    expect(error!.code).toBe('DATABASE_UNAVAILABLE');
    expect(error!.message).toContain(`(55000: database "${nameOf(pair.centralDb)}" ${words})`);
    await setOpen(pair.centralDb, pair.edgeDb, true);
    await until('it is ready', async () => (await ready(pair.central.url)) === 200);
    expect((await pair.syncNow()).status).toBe('applied');
  });

  it("by the edge's database is said in PostgreSQL's own words, until it lets the edge in", async () => {
    await setOpen(pair.edgeDb, pair.centralDb, false);
    await until('it is not ready', async () => (await ready(pair.edge.url)) === 503);
    const answer = await fetch(`${pair.edge.url}/api/sync/now`, { method: 'POST' });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      detail: expect.stringContaining(words) as string,
    });
    await setOpen(pair.edgeDb, pair.centralDb, true);
    await until('it is ready', async () => (await ready(pair.edge.url)) === 200);
    expect((await pair.syncNow()).status).toBe('applied');
  });
});

describe('timeouts-misnamed', () => {
  it('a statement at the source that somebody cancels is no fault of the query, and is tried again', async () => {
    expect((await pair.syncNow()).status).toBe('applied');
    await changeRows();
    const holder = await pair.centralDb.pool.connect();
    await holder.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    let isOver = false;
    const syncing = pair.syncNow().finally(() => (isOver = true));
    await until('the sync ends', async () => {
      await holder.query(
        `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return isOver;
    }).finally(() => void holder.query('ROLLBACK'));
    holder.release();
    const { status, error } = await syncing;
    expect([status, error?.code]).toEqual(['failed', 'DATABASE_INTERRUPTED']);
    expect(error!.message).toContain('canceling statement due to user request');
    expect(pair.central.complaints.filter(({ level }) => level === 'error')).toEqual([]);
    expect((await pair.syncNow()).status).not.toBe('failed');
  });
});

describe('central-disk-full', () => {
  it('is named with a cure, makes central unready and is told once; central goes on when there is room', async () => {
    expect((await pair.syncNow()).status).toBe('applied');
    // A stand-in for a full disk: what PostgreSQL answers when it has no room for another page.
    await pair.centralDb.pool.query(`
      CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE ''could not extend file "base/1/2": No space left on device'' USING ERRCODE = ''53100''; END';
      CREATE TRIGGER no_room BEFORE INSERT ON rivulet.chunks FOR EACH STATEMENT EXECUTE FUNCTION no_room()`);
    await changeRows();
    for (let attempt = 0; attempt < 2; attempt++) {
      const { status, error } = await pair.syncNow();
      expect([status, error?.code]).toEqual(['failed', 'DATABASE_FULL']);
      expect(error!.nextStep).toContain('Free space');
    }
    expect(await ready(pair.central.url)).toBe(503);
    const told = pair.central.complaints.filter(({ msg }) => msg.includes('No space left on device'));
    expect(told.map(({ level }) => level)).toEqual(['error']);
    await pair.centralDb.pool.query('DROP TRIGGER no_room ON rivulet.chunks');
    expect((await pair.syncNow()).status).toBe('applied');
  });
});
