import { setTimeout as sleep } from 'node:timers/promises';
import { createPool, withClient } from '@rivulet/postgres';
import { testServerVersion } from '@rivulet/testing';
import { ChangesFixture } from '../../../test/changes-fixture';

let fixture: ChangesFixture;

beforeAll(async () => {
  fixture = await ChangesFixture.create(`
    CREATE TABLE contracts (device_id int PRIMARY KEY, mac text, valid_until timestamp, note text);
    CREATE TABLE settings (k text PRIMARY KEY, n int); INSERT INTO settings VALUES ('width', 1);
    CREATE TABLE items (id int PRIMARY KEY, amount int); INSERT INTO items SELECT g, g FROM generate_series(1, 4) g;
    CREATE FUNCTION right_now() RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT 'now'::timestamp $$;
    CREATE FUNCTION since(t timestamp DEFAULT localtimestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE RETURN t;
    CREATE FUNCTION width() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT n FROM settings WHERE k = 'width'); END $$;
    CREATE FUNCTION claimed() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN (SELECT n FROM settings WHERE k = 'width'); END $$;
    CREATE FUNCTION read_as(t text) RETURNS date LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN t; END $$;
    CREATE TYPE measure AS (n int);
    CREATE FUNCTION wide(m measure) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN m.n * width(); END $$;
    CREATE FUNCTION by_attribute(m measure) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN m.wide; END $$;
    CREATE FUNCTION plus_width(int, int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN $1 + $2 * width(); END $$;
    CREATE OPERATOR +@ (FUNCTION = plus_width, LEFTARG = int, RIGHTARG = int);
    CREATE FUNCTION by_operator(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN i +@ 1; END $$;
    CREATE CAST (measure AS int) WITH FUNCTION wide AS IMPLICIT;
    CREATE FUNCTION by_cast(m measure) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN m; END $$;
    CREATE FUNCTION by_type(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ROW(i)::measure; END $$;
    CREATE FUNCTION lent() RETURNS int LANGUAGE sql SECURITY DEFINER STABLE AS $$ SELECT n FROM settings WHERE k = 'width' $$;
    CREATE FUNCTION plus(s int, x int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN coalesce(s, 0) + x * width(); END $$;
    CREATE AGGREGATE weighted(int) (SFUNC = plus, STYPE = int);
    CREATE FUNCTION later(s timestamp, x timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE RETURN greatest(s, x);
    CREATE AGGREGATE latest(timestamp) (SFUNC = later, STYPE = timestamp, INITCOND = 'now');
    CREATE FUNCTION is_narrow(i int) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT i < width() $$;
    CREATE DOMAIN narrow AS int CHECK (is_narrow(VALUE));
    CREATE VIEW valid AS SELECT device_id FROM contracts WHERE valid_until >= now();
    CREATE TABLE guarded (id int PRIMARY KEY); CREATE POLICY by_day ON guarded USING (now() < '2030-01-01');
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE TYPE stay AS (room int, day date)`);
});

afterAll(() => fixture.close());

async function reasonFor(query: string): Promise<string | undefined> {
  const source = await fixture.start({ query });
  return source.polled('query');
}

/** Whether the statement changes the query. */
async function isNoticed(query: string, statement: string): Promise<boolean> {
  const source = await fixture.start({ query });
  expect(source.polled('query')).toBeUndefined();
  const before = await source.version('query');
  await fixture.database.pool.query(statement);
  await source.reconcile({ query });
  return source.polled('query') !== undefined || (await source.version('query')) !== before;
}

describe('hidden-clock: a query is polled', () => {
  it.each([
    [
      'a function with a clock in a literal',
      'SELECT device_id FROM contracts WHERE valid_until >= right_now()',
    ],
    [
      'a text that is read as a time',
      `SELECT device_id FROM contracts WHERE valid_until >= ('now'::text)::timestamp`,
    ],
    ['localtimestamp', 'SELECT device_id FROM contracts WHERE valid_until >= localtimestamp'],
    ['a literal of now', `SELECT device_id FROM contracts WHERE valid_until >= 'now'`],
    [
      'a clock in an array',
      `SELECT device_id FROM contracts WHERE valid_until = ANY ('{today,tomorrow}'::timestamp[])`,
    ],
    [
      'a clock in a range',
      `SELECT device_id FROM contracts WHERE valid_until::date <@ '[yesterday,2030-01-01)'::daterange`,
    ],
    [
      'a clock beside a time of day',
      `SELECT device_id FROM contracts WHERE valid_until > 'today 12:00'::timestamp`,
    ],
    [
      'a column of texts that are read as times',
      'SELECT device_id FROM contracts WHERE note::timestamp > valid_until',
    ],
    [
      'a text that a body returns as a date',
      'SELECT device_id FROM contracts WHERE read_as(note) < valid_until',
    ],
    ['texts that are read as rows', `SELECT (note::stay).room AS id FROM contracts`],
    [
      'JSON that is read as rows',
      `SELECT id FROM json_to_recordset('[{"id": 1, "d": "today"}]') AS r (id int, d date)`,
    ],
    ['VALUES', 'SELECT id FROM (VALUES (1, clock_timestamp())) AS v (id, at)'],
    ['LIMIT', 'SELECT id FROM items LIMIT extract(hour FROM now())::int'],
    [
      'a window frame',
      `SELECT id, count(*) OVER (ORDER BY id ROWS extract(hour FROM now())::int PRECEDING) FROM items`,
    ],
    ['the order of rows', 'SELECT id FROM items ORDER BY random() LIMIT 1'],
    ['a view', 'SELECT device_id FROM valid'],
    ['a policy', 'SELECT id FROM guarded'],
    ['the default of an argument', 'SELECT device_id FROM contracts WHERE valid_until > since()'],
    ['what an aggregate begins with', 'SELECT latest(valid_until) AS id FROM contracts'],
    // PostgreSQL has it from version 17 on.
    ...(testServerVersion < 17
      ? []
      : [
          [
            'a text in JSON that is read as a time',
            `SELECT device_id FROM contracts WHERE JSON_VALUE(note::jsonb, '$.at' RETURNING timestamp) < valid_until`,
          ],
        ]),
    ['the age of a transaction', 'SELECT device_id, age(xmin) FROM contracts'],
    [
      'the offset of a time zone today',
      `SELECT device_id, timezone('Europe/Paris', valid_until::time::timetz) FROM contracts`,
    ],
  ])('for %s', async (_, query) => {
    expect(await reasonFor(query)).toEqual(expect.any(String));
  });

  it('and not for words that mean nothing but themselves', async () => {
    expect(
      await reasonFor(`SELECT device_id FROM contracts WHERE note = 'now' OR note LIKE '%today%'`),
    ).toBeUndefined();
  });
});

describe('hidden-reads: a query is polled', () => {
  it.each([
    ['an aggregate', 'SELECT id, weighted(amount) AS w FROM items GROUP BY id', 'it calls plus()'],
    ['a function', 'SELECT id FROM items WHERE amount < width()', 'it calls width()'],
    ['a domain', 'SELECT id::narrow AS id FROM items', 'it calls width()'],
    [
      'a function that is called immutable',
      'SELECT id FROM items WHERE amount < claimed()',
      'may read tables or a clock',
    ],
    [
      'an attribute that is a function',
      'SELECT by_attribute(ROW(id)::measure) AS id FROM items',
      'which calls wide()',
    ],
    ['an operator in a body', 'SELECT by_operator(id) AS id FROM items', 'which has +@'],
    ['a cast in a body', 'SELECT by_cast(ROW(id)::measure) AS id FROM items', 'which may cast measure'],
    ['a type in a body', 'SELECT by_type(id) AS id FROM items', 'which names measure'],
    ['the place of a row', 'SELECT id, ctid::text AS place FROM items', 'it reads ctid'],
    ['locks on a row', 'SELECT id, xmax::text AS locked FROM items', 'it reads xmax'],
    [
      'a function with the rights of its owner',
      'SELECT id FROM items WHERE amount < lent()',
      'it calls lent()',
    ],
    [
      'a setting',
      `SELECT id FROM items WHERE amount < current_setting('app.width')::int`,
      'it calls current_setting()',
    ],
    ['a file', `SELECT pg_read_file('PG_VERSION') AS id`, 'it calls pg_read_file()'],
    ['the search path', 'SELECT CURRENT_SCHEMA AS id', 'it asks for CURRENT_SCHEMA'],
    ['a name that is looked up', `SELECT (note::regclass)::oid AS id FROM contracts`, 'regclass'],
  ])('for %s', async (_, query, reason) => {
    expect(await reasonFor(query)).toContain(reason);
  });
});

describe('a definition that changes is noticed', () => {
  it('composite-type: an attribute that is added to a type', async () => {
    await fixture.database.pool.query(`
      CREATE TYPE address AS (street text, no int);
      CREATE TABLE person (id int PRIMARY KEY, a address); INSERT INTO person VALUES (1, ('Main', 5))`);
    const query = 'SELECT id, a::text AS a FROM person';
    expect(await isNoticed(query, 'ALTER TYPE address ADD ATTRIBUTE zip text')).toBe(true);
  });

  it('unlogged: a table that a crash would empty', async () => {
    await fixture.database.pool.query('CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)');
    const source = await fixture.start({ query: 'SELECT id FROM u' });
    await fixture.database.pool.query('ALTER TABLE u SET UNLOGGED');
    await source.reconcile({ query: 'SELECT id FROM u' });
    expect(source.polled('query')).toContain('the unlogged table u, which a crash empties');
  });

  it('of a query that reads no table', async () => {
    await fixture.database.pool.query(
      'CREATE FUNCTION answer() RETURNS int LANGUAGE sql IMMUTABLE RETURN 42',
    );
    const statement = 'CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql IMMUTABLE RETURN 43';
    expect(await isNoticed('SELECT answer() AS id', statement)).toBe(true);
  });

  it('reader-rights: what the reading role may see', async () => {
    const reader = `rivulet_spec_reader_${process.pid}`;
    await fixture.database.pool.query(`
      CREATE ROLE ${reader} BYPASSRLS; CREATE TABLE public.r (id int PRIMARY KEY, secret bool);
      INSERT INTO public.r VALUES (1, false), (2, true);
      ALTER TABLE public.r ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON public.r USING (NOT secret);
      ALTER TABLE public.r OWNER TO ${reader}; ALTER TABLE public.r FORCE ROW LEVEL SECURITY`);
    const url = new URL(fixture.database.url);
    await fixture.database.pool
      .query(`GRANT ALL ON DATABASE ${url.pathname.slice(1)} TO ${reader}; GRANT ALL ON SCHEMA rivulet TO ${reader};
      GRANT ALL ON ALL TABLES IN SCHEMA rivulet TO ${reader}`);
    url.searchParams.set('options', `-c role=${reader}`);
    const pool = createPool({ url: url.href, applicationName: 'reader', maxConnections: 2 });
    try {
      const query = 'SELECT id, secret FROM public.r';
      const source = await fixture.start({ query }, pool);
      expect(source.polled('query')).toBeUndefined();
      const before = await source.version('query');
      await fixture.database.pool.query(`ALTER ROLE ${reader} NOBYPASSRLS`);
      await source.reconcile({ query });
      expect(await source.version('query')).not.toBe(before);
    } finally {
      await pool.end();
      await fixture.database.pool.query(`DROP OWNED BY ${reader} CASCADE; DROP ROLE ${reader}`);
    }
  });

  it('partition-detach: a partition whose detaching was cut off', async () => {
    await fixture.database.pool.query(`
      CREATE TABLE pp (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE pp1 PARTITION OF pp FOR VALUES FROM (0) TO (10);
      CREATE TABLE pp2 PARTITION OF pp FOR VALUES FROM (10) TO (20);
      INSERT INTO pp SELECT generate_series(0, 19)`);
    const query = 'SELECT id FROM pp';
    const source = await fixture.start({ query });
    const before = await source.version('query');
    await withClient(fixture.database.pool, async (reader) => {
      await reader.query('BEGIN; SELECT count(*) FROM pp');
      await withClient(fixture.database.pool, async (owner) => {
        await owner.query("SET statement_timeout = '1s'");
        const detached = owner.query('ALTER TABLE pp DETACH PARTITION pp2 CONCURRENTLY');
        await expect(detached).rejects.toThrow('canceling statement');
        await owner.query('RESET statement_timeout');
      });
      const { rows } = await fixture.database.pool.query('SELECT count(*)::int AS count FROM pp');
      expect(rows).toEqual([{ count: 10 }]);
      await source.reconcile({ query });
      expect(await source.version('query')).not.toBe(before);
      await reader.query('ROLLBACK');
    });
  });
});

/** The most relations that any session has locked, until the signal. */
async function mostLocks(signal: AbortSignal): Promise<number> {
  let most = 0;
  while (!signal.aborted) {
    const { rows } = await fixture.database.pool.query<{ locks: number }>(
      `SELECT coalesce(max(locks), 0)::int AS locks FROM (
         SELECT count(*) AS locks FROM pg_locks JOIN pg_database ON pg_database.oid = database
         WHERE datname = current_database() AND locktype = 'relation' GROUP BY pid) AS sessions`,
    );
    most = Math.max(most, rows[0]!.locks);
    await sleep(1);
  }
  return most;
}

describe('lock-table: a look', () => {
  it('takes as few locks for a table with hundreds of partitions as for one without', async () => {
    await fixture.database.pool.query(`
      CREATE TABLE m (site int, at date, id int, v text, PRIMARY KEY (site, at, id)) PARTITION BY RANGE (at);
      CREATE INDEX ON m (v);
      DO $$ BEGIN FOR i IN 0..299 LOOP EXECUTE format('CREATE TABLE m_%s PARTITION OF m FOR VALUES FROM (%L) TO (%L)',
        i, date '2026-01-01' + i, date '2026-01-02' + i); END LOOP; END $$`);
    const query = `SELECT site, at, id, v FROM m WHERE at >= DATE '2026-10-01' AND at < DATE '2026-11-01'`;
    const counting = new AbortController();
    const counted = mostLocks(counting.signal);
    const source = await fixture.start({ query });
    counting.abort();
    const most = await counted;
    expect(source.polled('query')).toBeUndefined();
    expect(source.relations('query')).toHaveLength(301);
    // Catalogues and their indexes; with the partitions and theirs it would be more than 900.
    expect(most).toBeLessThan(150);
  });
});
