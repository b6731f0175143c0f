import { copyIn, createPool, inTransaction, withClient } from '@rivulet/postgres';
import { testServerVersion } from '@rivulet/testing';
import { ChangesFixture, type WatchedSource } from '../../../../test/changes-fixture';

const queries = {
  users: 'SELECT * FROM users',
  notes: 'SELECT * FROM notes',
  animals: 'SELECT * FROM animals',
};

let fixture: ChangesFixture;
let source: WatchedSource;

beforeEach(async () => {
  fixture = await ChangesFixture.create(`
    CREATE TABLE users (id int PRIMARY KEY, name text);
    CREATE TABLE notes (id int PRIMARY KEY, owner int REFERENCES users ON DELETE CASCADE);
    CREATE TABLE animals (id int); CREATE TABLE pets (owner int);
    CREATE TABLE cats () INHERITS (animals, pets);
    INSERT INTO users VALUES (1, 'a'); INSERT INTO notes VALUES (1, 1); INSERT INTO cats VALUES (1, 1)`);
  source = await fixture.start(queries);
});

afterEach(() => fixture.close());

async function run(statement: string): Promise<void> {
  await fixture.database.pool.query(statement);
}

async function isNoticed(statement: string, name: keyof typeof queries = 'users'): Promise<boolean> {
  return source.isChangedBy(statement, name);
}

/** The rows of the log that no version stands for. */
async function logLength(): Promise<number> {
  const { rows } = await fixture.database.pool.query<{ count: number }>(
    'SELECT count(*)::int FROM rivulet.changed_tables',
  );
  return rows[0]!.count;
}

const merge = 'MERGE INTO users USING (VALUES (1)) AS v (id) ON users.id = v.id WHEN MATCHED THEN DELETE';

describe('a change', () => {
  it.each<[string, string]>([
    ['INSERT', `INSERT INTO users VALUES (2, 'b')`],
    ['UPDATE', `UPDATE users SET name = 'c'`],
    ['DELETE', 'DELETE FROM users'],
    ['TRUNCATE', 'TRUNCATE users CASCADE'],
    ...(testServerVersion < 15 ? [] : [['MERGE', merge] as [string, string]]),
    ['a CTE', `WITH gone AS (DELETE FROM users RETURNING id) SELECT count(*) FROM gone`],
    [
      'a writer that poses as a replica',
      `SET session_replication_role = replica; DELETE FROM users; RESET session_replication_role`,
    ],
  ])('by %s is noticed', async (_, statement) => {
    expect(await isNoticed(statement)).toBe(true);
    expect(await isNoticed('SELECT 1')).toBe(false);
  });

  it('by COPY is noticed', async () => {
    const before = await source.version('users');
    await withClient(fixture.database.pool, (client) =>
      copyIn(client, 'COPY users FROM STDIN', [Buffer.from('7\tx\n')]),
    );
    expect(await source.version('users')).not.toBe(before);
  });

  it('by ON DELETE CASCADE is noticed', async () => {
    expect(await isNoticed('DELETE FROM users', 'notes')).toBe(true);
  });

  it('by a statement that names another parent of a child is noticed', async () => {
    expect(await isNoticed('DELETE FROM pets', 'animals')).toBe(true);
  });

  it('of one table leaves the version of the other', async () => {
    expect(await isNoticed(`UPDATE users SET name = 'c'`, 'notes')).toBe(false);
  });

  it('that is rolled back, whole or to a savepoint, leaves no trace', async () => {
    expect(await isNoticed('BEGIN; DELETE FROM users; ROLLBACK')).toBe(false);
    expect(await isNoticed('BEGIN; SAVEPOINT s; DELETE FROM users; ROLLBACK TO s; COMMIT')).toBe(false);
  });

  it('of a writer that began long before and commits long after is noticed when it commits', async () => {
    await withClient(fixture.database.pool, async (writer) => {
      await writer.query('BEGIN; DELETE FROM users');
      expect(await isNoticed(`INSERT INTO users VALUES (2, 'b')`)).toBe(true);
      expect(await isNoticed('SELECT 1')).toBe(false);
      const before = await source.version('users');
      await writer.query('COMMIT');
      expect(await source.version('users')).not.toBe(before);
    });
  });

  it('by a role without any right in the schema of the log is noticed', async () => {
    await run(
      `DROP ROLE IF EXISTS rivulet_spec_writer; CREATE ROLE rivulet_spec_writer; GRANT DELETE, SELECT ON users TO rivulet_spec_writer`,
    );
    expect(await isNoticed('SET ROLE rivulet_spec_writer; DELETE FROM users; RESET ROLE')).toBe(true);
    await run('DROP OWNED BY rivulet_spec_writer; DROP ROLE rivulet_spec_writer');
  });

  it('is noticed by every central, whoever gives it its version', async () => {
    const other = await fixture.start(queries);
    const before = [await source.version('users'), await other.version('users')];
    await run('DELETE FROM users');
    const after = await Promise.all([source.version('users'), other.version('users')]);
    expect(after[0]).toBe(after[1]);
    expect(before).not.toContain(after[0]);
  });
});

describe('writers', () => {
  it('do not wait for each other', async () => {
    const pool = createPool({ url: fixture.database.url, applicationName: 'writers', maxConnections: 20 });
    const writers = await Promise.all(Array.from({ length: 20 }, () => pool.connect()));
    for (const [index, writer] of writers.entries()) {
      await writer.query(`SET lock_timeout = '100ms'; BEGIN`);
      await writer.query(`INSERT INTO users VALUES ($1, 'x')`, [100 + index]);
    }
    const before = await source.version('users');
    for (const writer of writers.slice(1)) await writer.query('COMMIT');
    expect(await source.version('users')).not.toBe(before);
    await writers[0]!.query('COMMIT');
    writers.forEach((writer) => writer.release());
    await pool.end();
  });

  it('of different rows do not make each other fail when they are SERIALIZABLE', async () => {
    const writers = await Promise.all(Array.from({ length: 5 }, () => fixture.database.pool.connect()));
    for (const [index, writer] of writers.entries()) {
      await writer.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
      for (const id of [100 + index, 200 + index]) await writer.query('INSERT INTO users VALUES ($1)', [id]);
    }
    for (const writer of writers) await expect(writer.query('COMMIT')).resolves.toBeDefined();
    writers.forEach((writer) => writer.release());
  });
});

describe('the log', () => {
  it('knows when the first change was committed, where the server keeps that, and tells it once', async () => {
    const { changes } = source;
    await changes.versions();
    changes.takeOldestCommitMs();
    await run('DELETE FROM users');
    const committedMs = performance.now();
    await run(`INSERT INTO users VALUES (1, 'again')`);
    await changes.versions();
    const { rows } = await fixture.database.pool.query<{ isKept: boolean }>(
      `SELECT current_setting('track_commit_timestamp') = 'on' AS "isKept"`,
    );
    const oldestMs = changes.takeOldestCommitMs();
    expect(rows[0]!.isKept ? oldestMs! <= committedMs : oldestMs === undefined).toBe(true);
    expect(changes.takeOldestCommitMs()).toBeUndefined();
  });

  it('is emptied whole, however long it became while nobody looked', async () => {
    const [relation] = source.relations('users');
    await fixture.database.pool.query(
      'INSERT INTO rivulet.changed_tables SELECT $1::oid, n::text::xid8 FROM generate_series(1, 450000) AS n',
      [relation],
    );
    await source.changes.versions();
    expect(await logLength()).toBe(0);
  });

  it('does not grow while no device asks', async () => {
    await run('DELETE FROM users');
    expect(await logLength()).toBe(2);
    await source.reconcile(queries);
    expect(await logLength()).toBe(0);
  });
});

describe('a snapshot of the source', () => {
  it('knows the versions that it shows, and the changes that it shows without a version', async () => {
    const { changes } = source;
    await changes.versions();
    const [users] = source.relations('users');
    await withClient(fixture.database.pool, async (client) => {
      const limits = { statementTimeoutMs: 5_000, lockTimeoutMs: 5_000, idleTimeoutMs: 5_000 };
      await run('DELETE FROM notes');
      await inTransaction(client, { ...limits, isolation: 'REPEATABLE READ', readOnly: true }, async () => {
        const seen = await changes.versionsAt(client);
        const [notes] = source.relations('notes');
        expect([...seen.pending]).toEqual([notes, `${notes}:0`]);
        await run('DELETE FROM users');
        const later = await changes.versions();
        expect(await changes.versionsAt(client)).toEqual(seen);
        expect(later.get(users!)).not.toBe(seen.versions.get(users!));
      });
    });
  });
});
