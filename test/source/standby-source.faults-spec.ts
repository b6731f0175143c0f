import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedServer, type EmbeddedServer } from '@rivulet/embedded-postgres';
import { spawnApp } from '@rivulet/testing';
import { Pool, type PoolClient } from 'pg';
import { DEMO_MAC, SyncPair, until } from '../support/apps/sync-pair';

/** Advisory locks on which the queries wait while somebody else holds them. */
const SCOPE_LOCK = 1;
const DATASET_LOCK = 2;

const passing = (lock: number): string => `(SELECT pg_advisory_xact_lock_shared(${lock})::text) = ''`;

const datasets = `version: 1
scope:
  query: SELECT id AS device_id FROM public.devices WHERE mac_address = :mac_address AND ${passing(SCOPE_LOCK)}
datasets:
  - { name: users, key: [id], query: "SELECT id, name FROM users WHERE ${passing(DATASET_LOCK)}" }
`;

const settings = { fsync: 'off', autovacuum: 'off' };

describe('a source that is a hot standby', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-standby-'));
  const file = join(directory, 'datasets.yaml');
  const stops: (() => unknown)[] = [];
  let standby: EmbeddedServer;
  let onPrimary: Pool;
  let onStandby: Pool;
  let pair: SyncPair;

  beforeAll(async () => {
    writeFileSync(file, datasets);
    const primary = await startPrimary();
    onPrimary = open(primary);
    await onPrimary.query(`
      CREATE TABLE public.devices (id int PRIMARY KEY, mac_address text); INSERT INTO public.devices VALUES (1, '${DEMO_MAC}');
      CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada')`);
    standby = await startStandbyOf(primary);
    onStandby = open(standby);
    await replayed();
    pair = await SyncPair.start({
      central: {
        CENTRAL_SOURCE_DATABASE_URL: standby.url('shop'),
        CENTRAL_CHANGE_DETECTION: 'poll',
        CENTRAL_POLL_INTERVAL: '1s',
        CENTRAL_DATASETS_FILE: file,
        CENTRAL_DEMO_DATA: 'false',
      },
    });
    stops.push(() => pair.stop());
  }, 120_000);

  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Its data is copied before it serves anybody, so that the standby begins where it does. */
  async function startPrimary(): Promise<EmbeddedServer> {
    const home = join(directory, 'primary');
    const first = await startEmbeddedServer({ directory: home, databases: ['shop'], settings });
    await first.stop();
    execFileSync('cp', ['-a', home, join(directory, 'standby')]);
    const primary = await startEmbeddedServer({ directory: home, databases: [], settings });
    stops.push(() => primary.stop());
    return primary;
  }

  async function startStandbyOf(primary: EmbeddedServer): Promise<EmbeddedServer> {
    const home = join(directory, 'standby');
    const signal = join(home, 'data', 'standby.signal');
    const { uid, gid } = statSync(join(home, 'data'));
    writeFileSync(signal, '');
    chownSync(signal, uid, gid);
    const started = await startEmbeddedServer({
      directory: home,
      databases: [],
      settings: {
        ...settings,
        primary_conninfo: primary.url('shop'),
        // Whatever is in the way of what comes from the primary is cancelled at once.
        max_standby_streaming_delay: '0',
      },
    });
    stops.push(() => started.stop());
    return started;
  }

  function open(server: EmbeddedServer): Pool {
    const pool = new Pool({ connectionString: server.url('shop') });
    // The server may stop before the last connection is closed.
    pool.on('error', () => undefined);
    stops.push(() => pool.end());
    return pool;
  }

  /** Waits until the standby has all that the primary has. */
  async function replayed(): Promise<void> {
    const { rows } = await onPrimary.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
    await until('the standby has it', async () => {
      const { rows: found } = await onStandby.query<{ has: boolean }>(
        'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS has',
        [rows[0]!.lsn],
      );
      return found[0]!.has;
    });
  }

  /** Syncs until the edge has the users of the primary. */
  async function edgeFollows(): Promise<void> {
    const users = 'SELECT id, name FROM users ORDER BY id';
    const { rows } = await onPrimary.query<{ line: string }>(`SELECT q::text AS line FROM (${users}) AS q`);
    const expected = rows.map(({ line }) => line);
    await until('the edge has the rows', async () => {
      expect(await pair.syncNow()).toMatchObject({ tables: [{ name: 'users' }] });
      return JSON.stringify(await pair.edgeRows(users)) === JSON.stringify(expected);
    });
  }

  /** What central answers a device whose query waits for the lock until `change` has come from the primary. */
  async function answerDuring(lock: number, change: string[]): Promise<{ status: number; problem: object }> {
    const holder = await onStandby.connect();
    try {
      await holder.query('SELECT pg_advisory_lock($1)', [lock]);
      const answer = await waitingRequest(holder);
      for (const statement of change) await onPrimary.query(statement);
      const response = await answer.response;
      return { status: response.status, problem: (await response.json()) as object };
    } finally {
      await holder.query('SELECT pg_advisory_unlock_all()');
      holder.release();
    }
  }

  /** A request that waits for a lock. Central does not read again what it has read less than a second ago. */
  async function waitingRequest(holder: PoolClient): Promise<{ response: Promise<Response> }> {
    let response = request();
    let isAnswered = false;
    const noteAnswer = (): unknown => (isAnswered = true);
    void response.then(noteAnswer);
    await until('a query waits', async () => {
      if (isAnswered) {
        isAnswered = false;
        response = request();
        void response.then(noteAnswer);
      }
      const { rows } = await holder.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
      return rows.length > 0;
    });
    return { response };
  }

  async function request(): Promise<Response> {
    return fetch(`${pair.central.url}/api/device-sync/request`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-device-mac': DEMO_MAC },
      body: JSON.stringify({ protocolVersion: 1, nonce: 'A'.repeat(22), tables: [] }),
    });
  }

  it('is polled, and gives the edge what has come from the primary', async () => {
    await edgeFollows();
    await onPrimary.query(
      "INSERT INTO users VALUES (2, 'Grace'); UPDATE users SET name = 'Ada L.' WHERE id = 1",
    );
    await edgeFollows();
    expect(await pair.edgeRows('SELECT * FROM users ORDER BY id')).toEqual(['(1,"Ada L.")', '(2,Grace)']);
    await onPrimary.query('DELETE FROM users WHERE id = 2');
    await edgeFollows();
    const { rows } = await onPrimary.query("SELECT to_regnamespace('rivulet') AS schema");
    expect(rows).toEqual([{ schema: null }]);
    const expected = /not for production|fsync = off/;
    expect(pair.central.complaints.filter(({ msg }) => !expected.test(msg))).toEqual([]);
  });

  it.each([
    [
      'a dataset',
      'rows that are vacuumed away',
      DATASET_LOCK,
      ['UPDATE users SET name = name', 'VACUUM users'],
    ],
    ['a dataset', 'a lock on its table', DATASET_LOCK, ['ALTER TABLE users ADD COLUMN one int']],
    [
      'the scope query',
      'rows that are vacuumed away',
      SCOPE_LOCK,
      ['UPDATE users SET name = name', 'VACUUM users'],
    ],
    ['the scope query', 'a lock on its table', SCOPE_LOCK, ['ALTER TABLE public.devices ADD COLUMN two int']],
  ])(
    'cancels %s for %s: the device is told to come again, and gets its rows then',
    async (what, _, lock, change) => {
      const { status, problem } = await answerDuring(lock, change);
      expect(status).toBe(503);
      expect(problem).toMatchObject({
        code: 'SERVER_BUSY',
        detail: expect.stringMatching(/canceling statement due to conflict with recovery/) as string,
      });
      expect(problem).toMatchObject({
        detail: expect.stringContaining(what === 'a dataset' ? 'dataset users' : what.slice(4)) as string,
      });
      await onPrimary.query(`INSERT INTO users SELECT max(id) + 1, 'next' FROM users`);
      await edgeFollows();
      const health: unknown = await (await fetch(`${pair.central.url}/health/ready`)).json();
      expect(health).toMatchObject({ details: { datasets: { status: 'up' } } });
    },
  );

  it('stops a start that is to notice changes by triggers', async () => {
    const central = spawnApp('central', {
      CENTRAL_DATABASE_URL: pair.centralDb.url,
      CENTRAL_SOURCE_DATABASE_URL: standby.url('shop'),
      CENTRAL_DATASETS_FILE: file,
    });
    expect(await central.exited).toBe(1);
    const line = central.log.split('\n').find((text) => text.startsWith('central did not start'));
    expect(line).toBe(
      `central did not start: The source database at ${new URL(standby.url('shop')).host}/shop is a standby, which takes ` +
        'no triggers to notice changes by. Set CENTRAL_CHANGE_DETECTION=poll, or CENTRAL_SOURCE_DATABASE_URL to the primary.',
    );
  });
});
