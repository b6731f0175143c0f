import { setTimeout as delay } from 'node:timers/promises';
import { withClient } from '@rivulet/postgres';
import { ChangesFixture } from '../../../test/changes-fixture';
import { INSTALLATION_LOCK } from './change-log/change-log-schema';

let fixture: ChangesFixture;

// Later statements must create things in `public` by name: the tests' role has the name of the schema that is there by then, which
// search_path puts first.
beforeEach(async () => {
  fixture = await ChangesFixture.create(`
    CREATE TABLE users (id int PRIMARY KEY, name text);
    CREATE TABLE notes (id int PRIMARY KEY, owner int);
    CREATE VIEW loud AS SELECT id, upper(name) AS name FROM users;
    CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE moods (id int, m mood); INSERT INTO moods VALUES (1, 'sad');
    CREATE FUNCTION modern(i int) RETURNS int LANGUAGE sql STABLE RETURN i + 1;
    CREATE TABLE events (id int) PARTITION BY RANGE (id);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10)`);
});

afterEach(() => fixture.close());

async function run(statement: string): Promise<void> {
  await fixture.database.pool.query(statement);
}

describe('a definition that changes is a change:', () => {
  it.each([
    ['a column with a default', 'SELECT * FROM notes', 'ALTER TABLE notes ADD COLUMN extra int DEFAULT 5'],
    [
      'a column that keeps its type, with other values',
      'SELECT * FROM notes',
      'ALTER TABLE notes ALTER owner TYPE int USING owner + 1',
    ],
    ['a name', 'SELECT * FROM notes', 'ALTER TABLE notes RENAME COLUMN owner TO keeper'],
    [
      'a view',
      'SELECT * FROM loud',
      'CREATE OR REPLACE VIEW public.loud AS SELECT id, lower(name) AS name FROM users',
    ],
    [
      'a function that PostgreSQL inlines',
      'SELECT modern(id) FROM users',
      'CREATE OR REPLACE FUNCTION public.modern(i int) RETURNS int LANGUAGE sql STABLE RETURN i + 2',
    ],
    ['a label of an enum', 'SELECT m::text FROM moods', `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`],
    ['row security', 'SELECT * FROM users', 'ALTER TABLE users ENABLE ROW LEVEL SECURITY'],
    ['a policy', 'SELECT * FROM users', 'CREATE POLICY a_few ON users USING (id > 3)'],
    ['a trigger that is dropped', 'SELECT * FROM notes', 'DROP TRIGGER rivulet_note_change ON notes'],
    ['a trigger that is switched off', 'SELECT * FROM notes', 'ALTER TABLE notes DISABLE TRIGGER ALL'],
  ])('%s', async (_, query, statement) => {
    const source = await fixture.start({ query });
    const before = await source.version('query');
    await run(statement);
    await source.reconcile({ query });
    expect(await source.version('query')).not.toBe(before);
  });
});

describe('a definition', () => {
  it('that is as before is no change, whoever looks', async () => {
    const queries = { users: 'SELECT * FROM loud', notes: 'SELECT * FROM notes' };
    const { changes } = await fixture.start(queries);
    const before = await changes.versions();
    await (await fixture.start(queries)).reconcile(queries);
    expect(await changes.versions()).toBe(before);
  });

  it('that another session alone can see is no change', async () => {
    const queries = { users: 'SELECT * FROM users' };
    const source = await fixture.start(queries);
    const before = await source.version('users');
    await withClient(fixture.database.pool, async (session) => {
      await session.query('CREATE TEMPORARY VIEW mine AS SELECT 1 AS x');
      await source.reconcile(queries);
      expect(await source.version('users')).toBe(before);
    });
  });

  it('of a table that search_path now finds first has central watch that table', async () => {
    const queries = { users: 'SELECT * FROM users' };
    const source = await fixture.start(queries);
    const before = source.relations('users');
    await run('CREATE TABLE rivulet.users (id int, name text)');
    await source.reconcile(queries);
    expect(source.relations('users')).not.toEqual(before);
  });

  it('of a partition that is added is a change, and the partition is watched', async () => {
    const queries = { events: 'SELECT * FROM events' };
    const source = await fixture.start(queries);
    const before = await source.version('events');
    await run(`
      CREATE TABLE public.events_2 (id int); INSERT INTO public.events_2 VALUES (12);
      ALTER TABLE events ATTACH PARTITION public.events_2 FOR VALUES FROM (10) TO (20)`);
    await source.reconcile(queries);
    expect(await source.version('events')).not.toBe(before);
    expect(await source.isChangedBy('DELETE FROM public.events_2', 'events')).toBe(true);
  });

  it('of a view that changes while central looks at it is looked at again', async () => {
    const queries = { view: 'SELECT id FROM loud' };
    const source = await fixture.start({ moods: 'SELECT * FROM moods' });
    await withClient(fixture.database.pool, async (holder) => {
      // Makes the installation of triggers wait: the query has been looked at, and its definitions are still to be.
      await holder.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [INSTALLATION_LOCK]);
      const looking = source.reconcile(queries);
      await untilWaiting();
      await holder.query('CREATE OR REPLACE VIEW public.loud AS SELECT id, NULL::text AS name FROM notes');
      await holder.query('SELECT pg_advisory_unlock_all()');
      await looking;
    });
    await source.reconcile(queries);
    expect(await source.isChangedBy('DELETE FROM notes', 'view')).toBe(true);
  });
});

describe('a trigger', () => {
  it.each([
    ['dropped', 'DROP TRIGGER rivulet_note_change ON notes'],
    ['switched off', 'ALTER TABLE notes DISABLE TRIGGER ALL'],
  ])('that was %s is there again after the next look', async (_, statement) => {
    const queries = { notes: 'SELECT * FROM notes' };
    const source = await fixture.start(queries);
    await run(statement);
    await source.reconcile(queries);
    expect(await source.isChangedBy('DELETE FROM notes', 'notes')).toBe(true);
  });

  it('fires for replicas also after all triggers of the table were switched off and on', async () => {
    const queries = { users: 'SELECT * FROM users' };
    const source = await fixture.start(queries);
    await run('ALTER TABLE users DISABLE TRIGGER ALL; ALTER TABLE users ENABLE TRIGGER ALL');
    await source.reconcile(queries);
    const byReplica =
      'SET session_replication_role = replica; DELETE FROM users; RESET session_replication_role';
    expect(await source.isChangedBy(byReplica, 'users')).toBe(true);
  });
});

async function untilWaiting(): Promise<void> {
  const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  while ((await fixture.database.pool.query(waiting)).rowCount === 0) await delay(10);
}
