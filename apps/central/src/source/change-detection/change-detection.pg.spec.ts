import { createPool, withClient } from '@rivulet/postgres';
import { ChangesFixture } from '../../../test/changes-fixture';
import { ChangeDetection } from './change-detection';
import { QueryWatches } from './query-watches';

const users = 'SELECT * FROM users';
const notes = 'SELECT * FROM notes';

let fixture: ChangesFixture;

beforeEach(async () => {
  fixture = await ChangesFixture.create(`
    CREATE TABLE users (id int PRIMARY KEY, name text);
    CREATE TABLE notes (id int PRIMARY KEY, owner int);
    CREATE TABLE moods (id int); CREATE VIEW unused AS SELECT * FROM moods`);
});

afterEach(() => fixture.close());

async function run(statement: string): Promise<void> {
  await fixture.database.pool.query(statement);
}

/** Runs the work as a central that reaches the source as another role, which is dropped with all that it owns. */
async function asRole<T>(name: string, work: (url: string) => Promise<T>): Promise<T> {
  const url = new URL(fixture.database.url);
  url.searchParams.set('options', `-c role=${name}`);
  try {
    return await work(url.href);
  } finally {
    await run(`DROP OWNED BY ${name} CASCADE; DROP ROLE ${name}`);
  }
}

/** Why a central that reaches the source with this URL polls the users. */
async function polledFrom(url: string): Promise<{ reason: string | undefined; isEmpty: boolean }> {
  const pool = createPool({ url, applicationName: 'another role', maxConnections: 2 });
  try {
    const source = await fixture.start({ users }, pool);
    return { reason: source.polled('users'), isEmpty: (await source.changes.versions()).size === 0 };
  } finally {
    await pool.end();
  }
}

describe('looking at the source', () => {
  it('says once which tables are watched', async () => {
    const source = await fixture.start({ users, notes });
    await source.reconcile({ users, notes });
    expect(fixture.lines).toEqual(['Changes are detected in the tables public.notes, public.users']);
    expect(fixture.warnings).toEqual([]);
  });

  it('names no more tables than fit into a line', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `a_table_with_a_rather_long_name_${index + 10}`);
    await run(names.map((name) => `CREATE TABLE public.${name} (id int)`).join(';'));
    await fixture.start(Object.fromEntries(names.map((name) => [name, `SELECT * FROM ${name}`])));
    expect(fixture.lines).toHaveLength(1);
    expect(fixture.lines[0]!.length).toBeLessThan(700);
    expect(fixture.lines[0]).toMatch(/_10, .*_11, .* and \d\d more$/);
  });

  it('looks at no query while no definition has changed', async () => {
    const source = await fixture.start({ users });
    await source.reconcile({ users });
    const lookAt = jest.spyOn(QueryWatches.prototype as never, 'lookAt');
    for (let times = 0; times < 5; times++) await source.reconcile({ users });
    expect(lookAt).not.toHaveBeenCalled();
    lookAt.mockRestore();
  });

  it('waits for no lock on tables that no query reads', async () => {
    const source = await fixture.start({ users });
    await withClient(fixture.database.pool, async (session) => {
      await session.query('BEGIN; LOCK TABLE moods');
      await expect(source.reconcile({ users })).resolves.toBeUndefined();
      await session.query('ROLLBACK');
    });
  });

  it('goes on for the others when PostgreSQL refuses one query', async () => {
    const source = await fixture.start({ users, notes });
    await run('DROP TABLE notes; DROP TRIGGER rivulet_note_change ON users');
    await source.reconcile({ users, notes });
    expect(source.polled('notes')).toBe('PostgreSQL refuses it: relation "notes" does not exist');
    expect(await source.isChangedBy('DELETE FROM users', 'users')).toBe(true);
  });
});

describe('what cannot be watched', () => {
  it('is said once, and polled, until the table can be given a trigger', async () => {
    const source = await fixture.start({ users, notes });
    await run('DROP TRIGGER rivulet_note_change ON notes');
    await withClient(fixture.database.pool, async (writer) => {
      await writer.query('BEGIN; DELETE FROM notes');
      await source.reconcile({ users, notes });
      expect(source.polled('notes')).toMatch(/^the table public\.notes cannot be given a trigger: /);
      expect(source.polled('users')).toBeUndefined();
      expect(fixture.warnings).toEqual([
        expect.stringContaining('notes: the table public.notes cannot be given'),
      ]);
      await writer.query('ROLLBACK');
    });
    await source.reconcile({ users, notes });
    expect(source.polled('notes')).toBeUndefined();
    expect(await source.isChangedBy('DELETE FROM notes', 'notes')).toBe(true);
    expect(fixture.lines.at(-1)).toBe('Every change of what the datasets file reads is detected again');
  });

  it('is everything, for a role that may only read', async () => {
    await run(`
      DROP ROLE IF EXISTS rivulet_spec_reader; CREATE ROLE rivulet_spec_reader;
      GRANT SELECT ON ALL TABLES IN SCHEMA public TO rivulet_spec_reader`);
    await asRole('rivulet_spec_reader', async (url) => {
      const { reason, isEmpty } = await polledFrom(url);
      expect(reason).toContain('the schema "rivulet" cannot be made in the source');
      expect(isEmpty).toBe(true);
      expect(fixture.warnings).toHaveLength(1);
    });
  });

  it('is said once for all tables, with the statement that mends it', async () => {
    await run(`
      DROP ROLE IF EXISTS rivulet_spec_granted; CREATE ROLE rivulet_spec_granted;
      CREATE SCHEMA rivulet AUTHORIZATION rivulet_spec_granted;
      GRANT SELECT ON users, notes TO rivulet_spec_granted`);
    await asRole('rivulet_spec_granted', async (url) => {
      const pool = createPool({ url, applicationName: 'another role', maxConnections: 2 });
      try {
        const queries = { users, notes, both: 'SELECT users.id FROM users CROSS JOIN notes' };
        const source = await fixture.start(queries, pool);
        const grant = 'GRANT TRIGGER ON public.users, public.notes TO rivulet_spec_granted';
        expect(fixture.warnings).toEqual([
          'Not every change can be detected, so these are re-read when older than 60 s: users, notes, both: ' +
            `central may not make the triggers that note changes; let the owner run: ${grant} (or, where this ` +
            'role is to read only, db/source/install-change-log.sql with these tables)',
        ]);
        expect(source.polled('notes')).toContain(
          'run: GRANT TRIGGER ON public.notes TO rivulet_spec_granted (or',
        );
        await run(grant);
        await source.reconcile(queries);
        const [reason, cures] = source.polled('both')!.split('let the owner run: ');
        expect(reason).toContain('session_replication_role = replica');
        await run(cures!);
        await source.reconcile(queries);
        expect(source.polled('both')).toBeUndefined();
        expect(await source.isChangedBy('DELETE FROM notes', 'both')).toBe(true);
      } finally {
        await pool.end();
      }
    });
  });

  it('is what replicas write alone, for a role that was given the schema and may make triggers', async () => {
    await run(`
      DROP ROLE IF EXISTS rivulet_spec_installer; CREATE ROLE rivulet_spec_installer;
      CREATE SCHEMA rivulet AUTHORIZATION rivulet_spec_installer;
      GRANT SELECT, TRIGGER ON users TO rivulet_spec_installer`);
    await asRole('rivulet_spec_installer', async (url) => {
      expect(await polledFrom(url)).toEqual({
        reason: expect.stringContaining('ENABLE ALWAYS TRIGGER') as string,
        isEmpty: false,
      });
    });
  });

  it('is what replicas write, for a role that owns nothing; that is said once, with what mends it', async () => {
    await run(`
      DROP ROLE IF EXISTS rivulet_spec_trigger; CREATE ROLE rivulet_spec_trigger;
      CREATE SCHEMA rivulet AUTHORIZATION rivulet_spec_trigger;
      GRANT SELECT, TRIGGER ON users, notes TO rivulet_spec_trigger;
      ALTER TABLE notes OWNER TO rivulet_spec_trigger`);
    await asRole('rivulet_spec_trigger', async (url) => {
      const pool = createPool({ url, applicationName: 'another role', maxConnections: 2 });
      try {
        const source = await fixture.start({ users, notes }, pool);
        await source.reconcile({ users, notes });
        expect(fixture.warnings).toEqual([expect.stringContaining('session_replication_role = replica')]);
        expect(source.polled('notes')).toBeUndefined();
        const [, cure] = source.polled('users')!.split('let the owner run: ');
        expect(cure).toBe('ALTER TABLE ONLY public.users ENABLE ALWAYS TRIGGER rivulet_note_change');
        const asReplica = `BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM users; COMMIT`;
        expect(await source.isChangedBy(asReplica, 'users')).toBe(false);
        await run(cure!);
        await source.reconcile({ users, notes });
        expect(source.polled('users')).toBeUndefined();
        expect(await source.isChangedBy(asReplica, 'users')).toBe(true);
        expect(fixture.warnings).toHaveLength(1);
      } finally {
        await pool.end();
      }
    });
  });

  it('is everything, where polling is chosen, and nothing is installed', async () => {
    const polling = new ChangeDetection(fixture.database.pool, 'poll', 1_000);
    await polling.reconcile([]);
    expect(polling.watchOf('users')).toEqual({
      relations: [],
      tracking: [],
      definition: '',
      polled: 'CENTRAL_CHANGE_DETECTION is poll',
    });
    const { rows } = await fixture.database.pool.query(`SELECT to_regnamespace('rivulet') AS schema`);
    expect(rows).toEqual([{ schema: null }]);
  });
});
