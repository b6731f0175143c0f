import { createPool, inTransaction, withClient } from '@rivulet/postgres';
import { parseQueryTemplate } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Logger } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { ChangeDetection } from './change-detection';

let database: TestDatabase;
let changes: ChangeDetection;
let warnings: string[];

beforeEach(async () => {
  database = await createTestDatabase();
  await database.pool.query(`
    CREATE TABLE users (id int PRIMARY KEY, name text);
    CREATE TABLE notes (id int PRIMARY KEY, owner int REFERENCES users ON DELETE CASCADE);
    CREATE VIEW loud AS SELECT id, upper(name) AS name FROM users;
    INSERT INTO users VALUES (1, 'a'); INSERT INTO notes VALUES (1, 1)`);
  warnings = [];
  Logger.overrideLogger({
    log: () => undefined,
    error: () => undefined,
    warn: (message: string) => void warnings.push(message),
  });
  changes = await start();
});

afterEach(async () => {
  Logger.overrideLogger(false);
  await database.drop();
});

const queries = [
  { name: 'users', template: parseQueryTemplate('SELECT * FROM loud'), parameters: new Map() },
  { name: 'notes', template: parseQueryTemplate('SELECT * FROM notes'), parameters: new Map() },
];

async function start(source: Pool = database.pool): Promise<ChangeDetection> {
  const detection = new ChangeDetection(source, 'trigger', 60_000);
  await detection.reconcile(queries);
  return detection;
}

/** The version of what one query reads. */
async function version(name = 'users', detection = changes): Promise<string> {
  const versions = await detection.versions();
  return detection
    .watchOf(name)
    .relations.map((relation) => versions.get(relation))
    .join(' ');
}

async function changesVersion(statement: string, name = 'users'): Promise<boolean> {
  const before = await version(name);
  await database.pool.query(statement);
  return (await version(name)) !== before;
}

async function connected(work: (client: PoolClient) => Promise<void>): Promise<void> {
  await withClient(database.pool, work);
}

describe('a change', () => {
  it.each([
    ['INSERT', `INSERT INTO users VALUES (2, 'b')`],
    ['UPDATE', `UPDATE users SET name = 'c'`],
    ['DELETE', 'DELETE FROM users'],
    ['TRUNCATE', 'TRUNCATE users CASCADE'],
    ['MERGE', 'MERGE INTO users USING (VALUES (1)) AS v (id) ON users.id = v.id WHEN MATCHED THEN DELETE'],
    ['a CTE', `WITH gone AS (DELETE FROM users RETURNING id) SELECT count(*) FROM gone`],
    [
      'a writer that poses as a replica',
      `SET session_replication_role = replica; DELETE FROM users; RESET session_replication_role`,
    ],
  ])('by %s is noticed', async (_, statement) => {
    expect(await changesVersion(statement)).toBe(true);
    expect(await changesVersion('SELECT 1')).toBe(false);
  });

  it('of one table leaves the version of the other', async () => {
    expect(await changesVersion(`UPDATE users SET name = 'c'`, 'notes')).toBe(false);
  });

  it('by ON DELETE CASCADE is noticed', async () => {
    expect(await changesVersion('DELETE FROM users', 'notes')).toBe(true);
  });

  it('that is rolled back, whole or to a savepoint, leaves no trace', async () => {
    expect(await changesVersion('BEGIN; DELETE FROM users; ROLLBACK')).toBe(false);
    expect(await changesVersion('BEGIN; SAVEPOINT s; DELETE FROM users; ROLLBACK TO s; COMMIT')).toBe(false);
  });

  it('of a writer that began long before and commits long after is noticed when it commits', async () => {
    await connected(async (writer) => {
      await writer.query('BEGIN; DELETE FROM users');
      expect(await changesVersion(`INSERT INTO users VALUES (2, 'b')`)).toBe(true);
      expect(await changesVersion('SELECT 1')).toBe(false);
      const before = await version();
      await writer.query('COMMIT');
      expect(await version()).not.toBe(before);
    });
  });

  it('by a role without any right in the schema of the log is noticed', async () => {
    await database.pool.query(
      `DROP ROLE IF EXISTS rivulet_spec_writer; CREATE ROLE rivulet_spec_writer; GRANT DELETE, SELECT ON users TO rivulet_spec_writer`,
    );
    expect(await changesVersion('SET ROLE rivulet_spec_writer; DELETE FROM users; RESET ROLE')).toBe(true);
    await database.pool.query('DROP OWNED BY rivulet_spec_writer; DROP ROLE rivulet_spec_writer');
  });

  it('makes no writer wait for another', async () => {
    const pool = createPool({ url: database.url, applicationName: 'writers', maxConnections: 20 });
    const writers = await Promise.all(Array.from({ length: 20 }, () => pool.connect()));
    for (const [index, writer] of writers.entries()) {
      await writer.query(`SET lock_timeout = '100ms'; BEGIN`);
      await writer.query(`INSERT INTO users VALUES ($1, 'x')`, [100 + index]);
    }
    const before = await version();
    for (const writer of writers.slice(1)) await writer.query('COMMIT');
    expect(await version()).not.toBe(before);
    await writers[0]!.query('COMMIT');
    writers.forEach((writer) => writer.release());
    await pool.end();
  });

  it('is noticed by every central, whoever gives it its version', async () => {
    const other = await start();
    const before = [await version(), await version('users', other)];
    await database.pool.query('DELETE FROM users');
    const after = await Promise.all([version(), version('users', other)]);
    expect(after[0]).toBe(after[1]);
    expect(before).not.toContain(after[0]);
  });
});

describe('a definition', () => {
  it.each([
    ['a column with a default', 'ALTER TABLE notes ADD COLUMN extra int DEFAULT 5'],
    ['a view', `CREATE OR REPLACE VIEW loud AS SELECT id, lower(name) AS name FROM users`],
    ['a name', 'ALTER TABLE notes RENAME TO jottings'],
    ['a trigger that is dropped', 'DROP TRIGGER rivulet_note_change ON notes'],
    ['a trigger that is switched off', 'ALTER TABLE notes DISABLE TRIGGER ALL'],
  ])('that changes is a change: %s', async (_, statement) => {
    const before = [await version('users'), await version('notes')];
    await database.pool.query(statement);
    await changes.reconcile(statement.includes('RENAME') ? [queries[0]!] : queries);
    expect([await version('users'), await version('notes')]).not.toEqual(before);
    if (statement.includes('RENAME')) return;
    expect(await changesVersion('DELETE FROM notes', 'notes')).toBe(true);
  });

  it('that is as before is none', async () => {
    const before = await changes.versions();
    await changes.reconcile(queries);
    await changes.reconcile(queries);
    await start();
    expect(await changes.versions()).toBe(before);
  });

  it('of a partition that is added is a change, and the partition is watched', async () => {
    await database.pool.query(`
      CREATE TABLE events (id int) PARTITION BY RANGE (id);
      CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10)`);
    const template = parseQueryTemplate('SELECT * FROM events');
    const all = [...queries, { name: 'events', template, parameters: new Map() }];
    await changes.reconcile(all);
    const before = await version('events');
    await database.pool.query(`
      CREATE TABLE events_2 (id int); INSERT INTO events_2 VALUES (12);
      ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM (10) TO (20)`);
    await changes.reconcile(all);
    expect(await version('events')).not.toBe(before);
    expect(await changesVersion('DELETE FROM events_2', 'events')).toBe(true);
  });
});

describe('a snapshot of the source', () => {
  it('knows the versions that it shows, and the changes that it shows without a version', async () => {
    await changes.versions();
    const [users] = changes.watchOf('users').relations;
    await connected(async (client) => {
      const limits = { statementTimeoutMs: 5_000, lockTimeoutMs: 5_000, idleTimeoutMs: 5_000 };
      await database.pool.query('DELETE FROM notes');
      const { isolation, ...rest } = { ...limits, isolation: 'REPEATABLE READ' as const };
      await inTransaction(client, { ...rest, isolation, readOnly: true }, async () => {
        const seen = await changes.versionsAt(client);
        expect([...seen.pending]).toEqual(changes.watchOf('notes').relations);
        await database.pool.query('DELETE FROM users');
        const later = await changes.versions();
        expect(await changes.versionsAt(client)).toEqual(seen);
        expect(later.get(users!)).not.toBe(seen.versions.get(users!));
      });
    });
  });
});

describe('what cannot be watched', () => {
  it('is said once, and polled, when a table cannot be given a trigger', async () => {
    await database.pool.query('DROP TRIGGER rivulet_note_change ON notes');
    await connected(async (writer) => {
      await writer.query('BEGIN; DELETE FROM notes');
      await changes.reconcile(queries);
      expect(changes.watchOf('notes').polled).toMatch(/^the table public\.notes cannot be given a trigger: /);
      expect(changes.watchOf('users').polled).toBeUndefined();
      expect(warnings).toEqual([expect.stringContaining('notes: the table public.notes cannot be given')]);
      await writer.query('ROLLBACK');
    });
    await changes.reconcile(queries);
    expect(changes.watchOf('notes').polled).toBeUndefined();
    expect(await changesVersion('DELETE FROM notes', 'notes')).toBe(true);
  });

  it('is everything, for a role that may only read', async () => {
    await database.pool.query(`
      DROP SCHEMA rivulet CASCADE; DROP ROLE IF EXISTS rivulet_spec_reader; CREATE ROLE rivulet_spec_reader LOGIN;
      GRANT SELECT ON ALL TABLES IN SCHEMA public TO rivulet_spec_reader`);
    const url = new URL(database.url);
    url.searchParams.set('options', '-c role=rivulet_spec_reader');
    const pool = createPool({ url: url.href, applicationName: 'reader', maxConnections: 2 });
    const reader = await start(pool);
    expect(reader.watchOf('users').polled).toContain('the schema "rivulet" cannot be made in the source');
    expect(await reader.versions()).toEqual(new Map());
    expect(warnings).toHaveLength(1);
    await pool.end();
    await database.pool.query('DROP OWNED BY rivulet_spec_reader; DROP ROLE rivulet_spec_reader');
  });

  it('is everything, where polling is chosen, and nothing is installed', async () => {
    await database.pool.query('DROP SCHEMA rivulet CASCADE');
    const polling = new ChangeDetection(database.pool, 'poll', 1_000);
    await polling.reconcile(queries);
    expect(polling.watchOf('users')).toEqual({ relations: [], polled: 'CENTRAL_CHANGE_DETECTION is poll' });
    const { rows } = await database.pool.query(`SELECT to_regnamespace('rivulet') AS schema`);
    expect(rows).toEqual([{ schema: null }]);
  });
});
