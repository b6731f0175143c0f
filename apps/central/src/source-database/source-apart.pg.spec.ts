import { readFileSync } from 'node:fs';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { Pool } from 'pg';
import { CentralFixture } from '../../test/central-fixture';
import { CentralServices, type CentralSettings } from '../../test/central-services';
import { createSourcePool } from '@rivulet/datasets';

const MAC = '48:b0:2d:e9:c3:b7';

const datasets = `version: 1
scope:
  query: SELECT id AS device_id, site FROM devices WHERE mac_address = :mac_address
datasets:
  - { name: users, key: [id], query: "SELECT id, name FROM users WHERE site = :site" }
`;

let fixture: CentralFixture;
let owner: TestDatabase;
let role: string;
const opened: Pool[] = [];

beforeEach(async () => {
  fixture = await CentralFixture.create();
  owner = await createTestDatabase();
  role = `reader_${new URL(owner.url).pathname.slice(6)}`;
  await owner.pool.query(`
    CREATE TABLE devices (id int PRIMARY KEY, site int, mac_address text); INSERT INTO devices VALUES (1, 1, '${MAC}');
    CREATE TABLE users (id int, site int, name text) PARTITION BY LIST (site);
    CREATE TABLE users_1 PARTITION OF users FOR VALUES IN (1);
    INSERT INTO users VALUES (1, 1, 'a');
    CREATE ROLE ${role} LOGIN;
    GRANT SELECT ON devices, users TO ${role}`);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()));
  await owner.pool.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
  await owner.drop();
  await fixture.close();
});

/** Connections of a role, with these settings, as central opens them. */
function sourceOf(name = role, settings = ''): Pool {
  const url = new URL(owner.url);
  url.searchParams.set('options', `-c role=${name} ${settings}`);
  const pool = createSourcePool({ url: url.href, applicationName: 'test source', maxConnections: 4 });
  opened.push(pool);
  return pool;
}

async function start(
  source: Pool,
  settings: CentralSettings = {},
  file = datasets,
): Promise<CentralServices> {
  return CentralServices.start(fixture, file, settings, source);
}

async function rowsOf(central: CentralServices): Promise<number[]> {
  const known = await central.scopes.find({ macAddress: MAC });
  const snapshots = await central.snapshots.bringUpToDate(known);
  return snapshots.map(({ rows }) => rows);
}

function reasonOf({ changes, datasets: { catalogue } }: CentralServices): string | undefined {
  return changes.watchOf(catalogue.datasets[0]!.queryId).polled;
}

/** The DBA's script, for the role and these tables. */
async function installAsOwner(tables: string): Promise<void> {
  const script = readFileSync('db/source/install-change-log.sql', 'utf8')
    .replace("'rivulet_source'", `'${role}'`)
    .replace("'public.users, public.groups'", `'${tables}'`);
  await owner.pool.query(script);
}

/** How central refuses a dataset with this query, read by a role that may write. */
async function refusalOf(query: string): Promise<{ code: string; message: string; nextStep: string }> {
  const admin = new URL(owner.url).username;
  const file = datasets.replace('SELECT id, name FROM users WHERE site = :site', query);
  const refused = await start(sourceOf(decodeURIComponent(admin)), {}, file)
    .then(rowsOf)
    .catch((error: unknown) => error);
  const { rows } = await owner.pool.query("SELECT FROM users WHERE name = 'sneaked' OR id < 0");
  expect(rows).toEqual([]);
  return refused as { code: string; message: string; nextStep: string };
}

async function pathOf(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ path: string }>("SELECT current_setting('search_path') AS path");
  return rows[0]!.path;
}

describe('a source in a database of its own', () => {
  it('is read by a role that may only SELECT, and polled', async () => {
    const central = await start(sourceOf(), { pollIntervalMs: 0 });
    expect(reasonOf(central)).toContain('db/source/install-change-log.sql');
    expect(reasonOf(central)).toContain(`TO ${role}, or set CENTRAL_CHANGE_DETECTION=poll`);
    expect(await rowsOf(central)).toEqual([1]);
    await owner.pool.query("INSERT INTO users VALUES (2, 1, 'b')");
    expect(await rowsOf(central)).toEqual([2]);
    const { rows } = await owner.pool.query("SELECT to_regnamespace('rivulet') AS schema");
    expect(rows).toEqual([{ schema: null }]);
  });

  it('is read when it takes no writes at all, and polled', async () => {
    const central = await start(sourceOf(role, '-c default_transaction_read_only=on'), { pollIntervalMs: 0 });
    expect(reasonOf(central)).toContain('read-only');
    expect(await rowsOf(central)).toEqual([1]);
  });

  it('is watched where the role may install what that takes', async () => {
    const [, database] = new URL(owner.url).pathname.split('/');
    await owner.pool.query(
      `GRANT CREATE ON DATABASE ${database} TO ${role}; GRANT TRIGGER ON devices, users, users_1 TO ${role}`,
    );
    const central = await start(sourceOf());
    const [, cures] = reasonOf(central)!.split('let the owner run: ');
    await owner.pool.query(cures!);
    await central.watch.reconcile();
    expect(reasonOf(central)).toBeUndefined();
    expect(await rowsOf(central)).toEqual([1]);
    await owner.pool.query("INSERT INTO users_1 VALUES (2, 1, 'b')");
    expect(await rowsOf(central)).toEqual([2]);
  });
});

describe('where a DBA has installed the change log', () => {
  it('is watched by a role that may SELECT, and write nothing but the log', async () => {
    await installAsOwner('public.devices, public.users');
    const central = await start(sourceOf());
    expect(reasonOf(central)).toBeUndefined();
    expect(await rowsOf(central)).toEqual([1]);
    for (const [index, table] of ['users', 'users_1'].entries()) {
      await owner.pool.query(`INSERT INTO ${table} VALUES (${index + 2}, 1, 'b')`);
      expect(await rowsOf(central)).toEqual([index + 2]);
    }
    await owner.pool.query('UPDATE devices SET site = 2');
    expect(await rowsOf(central)).toEqual([0]);
    await expect(sourceOf().query("BEGIN READ WRITE; INSERT INTO users VALUES (9, 1, 'x')")).rejects.toThrow(
      'permission denied',
    );
  });

  it('is taken up by a central that is running, and again when it is run for more tables', async () => {
    const central = await start(sourceOf());
    await installAsOwner('public.devices');
    await central.watch.reconcile();
    expect(reasonOf(central)).toContain(`GRANT TRIGGER ON public.users, public.users_1 TO ${role} (or`);
    await installAsOwner('public.users');
    await central.watch.reconcile();
    expect(reasonOf(central)).toBeUndefined();
  });

  it.each([
    ['REVOKE USAGE ON SCHEMA rivulet FROM', 'GRANT USAGE ON SCHEMA rivulet TO'],
    ['REVOKE DELETE ON rivulet.changed_tables FROM', 'GRANT SELECT, DELETE ON rivulet.changed_tables TO'],
    [
      'REVOKE INSERT ON rivulet.table_versions FROM',
      'GRANT SELECT, INSERT, UPDATE ON rivulet.table_versions TO',
    ],
  ])('says which right is missing after %s', async (revoke, grant) => {
    await installAsOwner('public.devices, public.users');
    await owner.pool.query(`${revoke} ${role}`);
    const central = await start(sourceOf());
    expect(reasonOf(central)).toContain(`let its owner run: ${grant} ${role}`);
    expect(await rowsOf(central)).toEqual([1]);
  });
});

describe('a query that would write', () => {
  beforeEach(async () => {
    await owner.pool.query(`
      CREATE FUNCTION sneak(int) RETURNS int LANGUAGE plpgsql VOLATILE AS
        'BEGIN INSERT INTO users VALUES (100 + $1, 1, ''sneaked''); RETURN $1; END';
      CREATE SEQUENCE counter`);
  });

  it('by a function is refused, with the reason', async () => {
    const { code, message, nextStep } = await refusalOf('SELECT sneak(id) AS id FROM users');
    expect(code).toBe('DATASET_QUERY_FAILED');
    expect(message).toMatch(
      /dataset users cannot be read: cannot execute INSERT in a read-only transaction\.$/,
    );
    expect(nextStep).toBe(
      'A dataset only reads: take what writes out of its query, and out of the functions that it calls.',
    );
  });

  it.each([
    ['by a sequence', "SELECT nextval('counter') AS id", 'DATASET_QUERY_FAILED', 'cannot execute nextval()'],
    [
      'by a WITH',
      'WITH gone AS (DELETE FROM users RETURNING id) SELECT id FROM gone',
      'DATASETS_FILE_INVALID',
      'WITH clause containing a data-modifying statement must be at the top level',
    ],
    [
      'after it has made itself free to',
      "SELECT sneak(id) AS id FROM users WHERE set_config('transaction_read_only', 'off', true) = 'off'",
      'DATASET_QUERY_FAILED',
      'transaction read-write mode must be set before any query',
    ],
    [
      'with a lock',
      'SELECT id FROM users FOR UPDATE',
      'DATASETS_FILE_INVALID',
      'cannot execute SELECT FOR UPDATE in a read-only transaction',
    ],
  ])('%s is refused, with the reason', async (_, query, code, reason) => {
    const refused = await refusalOf(query);
    expect(refused.code).toBe(code);
    expect(refused.message).toContain(reason);
  });
});

describe('a plain name in a query', () => {
  it('is looked up along the path of the role, without the schema of central', async () => {
    await owner.pool.query(`CREATE SCHEMA rivulet; CREATE SCHEMA "Odd, name"; CREATE SCHEMA staff;
      GRANT USAGE ON SCHEMA rivulet, staff, "Odd, name" TO ${role}`);
    expect(await pathOf(sourceOf())).toBe('"$user", public');
    expect(await pathOf(sourceOf(role, '-c search_path=staff,later'))).toBe('staff,later');
    expect(await pathOf(sourceOf(role, '-c search_path=rivulet,\\"Odd,\\ name\\",staff'))).toBe(
      '"Odd, name", staff',
    );
    expect(await pathOf(sourceOf(role, '-c search_path=rivulet'))).toBe('');
  });

  it('means the table of the data owner, for a role that is called as the schema of central', async () => {
    const { pool, url } = fixture.database;
    expect(new URL(url).username).toBe('rivulet');
    await pool.query(`
      CREATE TABLE public.devices (id int, site int, mac_address text);
      INSERT INTO public.devices VALUES (1, 1, '${MAC}');
      CREATE TABLE public.chunks (id int); INSERT INTO public.chunks VALUES (1), (2), (3)`);
    const source = createSourcePool({ url, applicationName: 'test source', maxConnections: 2 });
    opened.push(source);
    const file = datasets.replace('SELECT id, name FROM users WHERE site = :site', 'SELECT id FROM chunks');
    expect(await rowsOf(await start(source, {}, file))).toEqual([3]);
  });
});
