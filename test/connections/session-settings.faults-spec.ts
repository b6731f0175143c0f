import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { testServerVersion, type TestDatabase } from '@rivulet/testing';
import { inProcess } from '../support/apps/pair-in-process';
import { DEMO_MAC, SyncPair } from '../support/apps/sync-pair';

/** Sets these for all sessions that begin from now on. */
function setting(...settings: string[]): (database: TestDatabase) => Promise<void> {
  return async ({ url, pool }) => {
    const name = new URL(url).pathname.slice(1);
    for (const text of settings) await pool.query(`ALTER DATABASE ${name} SET ${text}`);
  };
}

/** A source with a type of an extension. */
async function tagThings(database: TestDatabase): Promise<void> {
  await database.pool.query(`
    CREATE EXTENSION hstore; CREATE TABLE tagged (id int PRIMARY KEY, tags hstore);
    INSERT INTO tagged VALUES (1, 'a=>1'), (2, NULL)`);
  await setting('quote_all_identifiers = on')(database);
}

/** Each write to a table notes how its transaction commits. */
function noteCommits(table: string): string {
  return `
    CREATE TABLE public.commits (how text);
    CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO public.commits SELECT current_setting(''synchronous_commit''); RETURN NULL; END';
    CREATE TRIGGER note AFTER INSERT OR UPDATE ON ${table} EXECUTE FUNCTION public.note()`;
}

jest.setTimeout(120_000);

let pair: SyncPair;

afterEach(() => pair.stop());

async function syncTwice(): Promise<void> {
  expect((await pair.syncNow()).status).toBe('applied');
  await pair.centralDb.pool.query(`UPDATE users SET full_name = full_name || ' again'`);
  const { status, acknowledged, error } = await pair.syncNow();
  expect([status, acknowledged, error]).toEqual(['applied', true, undefined]);
}

async function history(): Promise<{ status: number; cycles: string[] }> {
  const response = await fetch(`${pair.edge.url}/api/sync/history`);
  const cycles = (await response.json()) as { status: string }[];
  return { status: response.status, cycles: cycles.map(({ status }) => status) };
}

async function scrub(): Promise<{ status: string; repaired?: unknown }> {
  const response = await fetch(`${pair.edge.url}/api/sync/verify`, { method: 'POST' });
  return (await response.json()) as { status: string };
}

describe('edge-datestyle', () => {
  it('dates and times mean the same, whatever the database of the edge or of central has set', async () => {
    const odd = ["DateStyle = 'German, DMY'", "TimeZone = 'Asia/Kolkata'", "IntervalStyle = 'sql_standard'"];
    const text = ["bytea_output = 'escape'", 'extra_float_digits = -15', "lc_monetary = 'C.UTF-8'"];
    const hostile = ['standard_conforming_strings = off', 'default_transaction_isolation = serializable'];
    const prepare = setting(...odd, ...text, ...hostile);
    pair = await SyncPair.start({ starters: inProcess, prepare, prepareEdge: prepare });
    await syncTwice();
    expect(await history()).toEqual({ status: 200, cycles: ['applied', 'applied'] });
    expect((await scrub()).status).toBe('intact');
  });
});

describe('edge-idle-timeout', () => {
  it('limits of sessions that the databases have set do not end cycles that take longer', async () => {
    const limits = ["idle_session_timeout = '1s'", "idle_in_transaction_session_timeout = '1s'"];
    const more = ["statement_timeout = '1s'", "lock_timeout = '1ms'"];
    const newer = testServerVersion >= 17 ? ["transaction_timeout = '1s'"] : [];
    pair = await SyncPair.start({ starters: inProcess, prepareEdge: setting(...limits, ...more, ...newer) });
    await syncTwice();
    await pair.centralDb.pool.query(`UPDATE users SET full_name = full_name || ' later'`);
    await pair.edgeDb.pool.query(`
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END';
      CREATE TRIGGER wait AFTER INSERT ON rivulet.edge_sync_log EXECUTE FUNCTION wait()`);
    // While central cannot read, the edge's session is idle; then its own transaction takes a while.
    const holder = await pair.centralDb.pool.connect();
    await holder.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    const syncing = pair.syncNow();
    await delay(1_500);
    await holder.query('ROLLBACK');
    holder.release();
    const { status, error } = await syncing;
    expect([status, error]).toEqual(['applied', undefined]);
  });
});

describe('quote-all-identifiers', () => {
  it('types of extensions have one name, whichever side has it set', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rivulet-settings-'));
    const file = join(directory, 'datasets.yaml');
    writeFileSync(
      file,
      `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address = '${DEMO_MAC}'" }
datasets: [{ name: labels, key: [id], query: "SELECT id, tags FROM tagged" }]
`,
    );
    const central = { CENTRAL_DEMO_DATA: 'false', CENTRAL_DATASETS_FILE: file };
    const prepareEdge = setting('quote_all_identifiers = on');
    pair = await SyncPair.start({ starters: inProcess, prepare: tagThings, prepareEdge, central });
    expect((await pair.syncNow()).status).toBe('applied');
    expect((await pair.syncNow()).status).toBe('current');
    expect((await scrub()).status).toBe('intact');
    expect(await pair.edgeRows('SELECT id, tags FROM labels ORDER BY id')).toEqual([
      '(1,"""a""=>""1""")',
      '(2,)',
    ]);
    rmSync(directory, { recursive: true });
  });
});

describe('synchronous-commit-off', () => {
  it('what is acknowledged is on the disk: no session of either app commits without waiting for it', async () => {
    const prepare = setting('synchronous_commit = off');
    pair = await SyncPair.start({ starters: inProcess, prepare, prepareEdge: prepare });
    await pair.edgeDb.pool.query(noteCommits('rivulet.edge_sync_log'));
    await pair.centralDb.pool.query(noteCommits('rivulet.sync_manifests'));
    await syncTwice();
    for (const database of [pair.edgeDb, pair.centralDb]) {
      const { rows } = await database.pool.query('SELECT DISTINCT how FROM public.commits');
      expect(rows).toEqual([{ how: 'on' }]);
    }
  });

  it('a server that does not wait for its disk at all is named at the start', async () => {
    pair = await SyncPair.start();
    // As the server of these tests does.
    for (const app of [pair.central, pair.edge]) {
      const told = app.complaints.filter(({ msg }) => msg.includes('fsync = off'));
      expect(told.map(({ level }) => level)).toEqual(['warn']);
    }
  });
});
