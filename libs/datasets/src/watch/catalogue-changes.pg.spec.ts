import { inTransaction, ownTables, withClient } from '@rivulet/postgres';
import { parseQueryTemplate } from '@rivulet/snapshot';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { definitionDigest, readDefinitions } from './read-definitions';
import { watchQuery } from './watch-query';

/** Something that a query reads, and a change of it that writes to no table. */
interface Change {
  what: string;
  setUp?: string;
  query: string;
  change: string;
  /** Of what must be done in a database before it can be changed in another transaction. */
  undo?: string;
}

let database: TestDatabase;
let role: string;

beforeEach(async () => {
  database = await createTestDatabase();
  role = `reader_${new URL(database.url).pathname.slice(6)}`;
  await database.pool.query(`
    CREATE ROLE ${role}; CREATE ROLE ${role}_group;
    CREATE TABLE users (id int PRIMARY KEY, name text, born date);
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
    CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN small AS int CHECK (VALUE < 100);
    CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT i * 2';
    CREATE FUNCTION plus(s int, i int) RETURNS int LANGUAGE sql IMMUTABLE RETURN s + i;
    CREATE AGGREGATE total(int) (SFUNC = plus, STYPE = int, INITCOND = '0');
    CREATE OPERATOR @+@ (FUNCTION = plus, LEFTARG = int, RIGHTARG = int);
    CREATE FUNCTION text_of(p pair) RETURNS text LANGUAGE sql IMMUTABLE RETURN p.b;
    CREATE CAST (pair AS text) WITH FUNCTION text_of(pair);
    CREATE VIEW loud AS SELECT id, upper(name) AS name FROM users;
    CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
    CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = simple);
    CREATE COLLATION latin FROM "C";
    CREATE TYPE spans AS RANGE (SUBTYPE = int);
    GRANT USAGE ON SCHEMA public TO ${role};
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
});

afterEach(async () => {
  await database.pool.query(`DROP OWNED BY ${role}, ${role}_group CASCADE; DROP ROLE ${role}, ${role}_group`);
  await database.drop();
});

/** How a query is watched: why it is polled, else what decides when it must be read again. */
async function look(query: string): Promise<string> {
  return withClient(database.pool, (client) =>
    inTransaction(client, ownTables, async () => {
      await client.query(`SET LOCAL ROLE ${role}`);
      const { relations, polled, definitions } = await watchQuery(
        client,
        parseQueryTemplate(query),
        new Map(),
      );
      if (polled !== undefined) return `polled: ${polled}`;
      const read = await readDefinitions(client, definitions, 'rivulet_note_change');
      return `${relations.join(' ')} ${definitionDigest(read, definitions)}`;
    }),
  );
}

const SIMPLE = 'SELECT id, name FROM users';

/**
 * Every catalogue of PostgreSQL: changes of it that can change what a query returns, or why none can. A catalogue that is
 * not here, of a later version, fails the test below until somebody has thought about it.
 */
const catalogues: Record<string, Change[] | string> = {
  pg_aggregate: [
    {
      what: 'an aggregate with another state function',
      query: 'SELECT total(id) AS id FROM users',
      change: `CREATE FUNCTION minus(s int, i int) RETURNS int LANGUAGE sql IMMUTABLE RETURN s - i;
        CREATE OR REPLACE AGGREGATE total(int) (SFUNC = minus, STYPE = int, INITCOND = '0')`,
    },
  ],
  pg_am: 'how rows are stored changes none of them',
  pg_amop: 'what an operator means in an index is part of the type below, by pg_opclass',
  pg_amproc: 'as pg_amop',
  pg_attrdef: [
    { what: 'a default', query: SIMPLE, change: `ALTER TABLE users ADD COLUMN extra int DEFAULT 5` },
  ],
  pg_attribute: [
    { what: 'a column', query: 'SELECT * FROM users', change: 'ALTER TABLE users ADD COLUMN extra int' },
    {
      what: 'a type',
      query: 'SELECT born AS id FROM users',
      change: 'ALTER TABLE users ALTER born TYPE date USING born + 1',
    },
    {
      what: 'an attribute of a type',
      query: `SELECT ROW(1, 'a')::pair::text AS id`,
      change: 'ALTER TYPE pair ADD ATTRIBUTE c int',
    },
    {
      what: 'the right to a column',
      query: SIMPLE,
      change: `REVOKE SELECT ON users FROM PUBLIC; GRANT SELECT (name) ON users TO CURRENT_ROLE`,
    },
  ],
  pg_auth_members: [
    { what: 'membership of the reader', query: SIMPLE, change: 'GRANT {role}_group TO {role}' },
  ],
  pg_authid: [
    { what: 'BYPASSRLS of the reader', query: SIMPLE, change: 'ALTER ROLE {role} BYPASSRLS' },
    { what: 'INHERIT of the reader', query: SIMPLE, change: 'ALTER ROLE {role} NOINHERIT' },
    {
      what: 'BYPASSRLS of the owner of a view',
      setUp: 'ALTER VIEW loud OWNER TO {role}_group',
      query: 'SELECT id FROM loud',
      change: 'ALTER ROLE {role}_group BYPASSRLS',
    },
  ],
  pg_cast: [
    {
      what: 'a cast with another function',
      query: `SELECT ROW(1, 'a')::pair::text AS id`,
      change: `DROP CAST (pair AS text); CREATE CAST (pair AS text) WITH INOUT`,
    },
  ],
  pg_class: [
    { what: 'row security', query: SIMPLE, change: 'ALTER TABLE users ENABLE ROW LEVEL SECURITY' },
    {
      what: 'row security for the owner',
      query: SIMPLE,
      change: 'ALTER TABLE users FORCE ROW LEVEL SECURITY',
    },
    { what: 'persistence', query: SIMPLE, change: 'ALTER TABLE users SET UNLOGGED' },
    { what: 'an owner', query: 'SELECT id FROM loud', change: 'ALTER VIEW loud OWNER TO {role}_group' },
    {
      what: 'an option of a view',
      query: 'SELECT id FROM loud',
      change: 'ALTER VIEW loud SET (security_barrier)',
    },
    { what: 'a right', query: SIMPLE, change: 'GRANT SELECT ON users TO {role}_group' },
    {
      what: 'a name',
      query: SIMPLE,
      change: 'ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people',
    },
    {
      what: 'a namesake',
      query: SIMPLE,
      change: 'CREATE SCHEMA {role}; CREATE TABLE {role}.users (id int, name text)',
    },
  ],
  pg_collation: [
    {
      what: 'a collation of the same name',
      query: 'SELECT id FROM users ORDER BY name COLLATE latin LIMIT 1',
      change: 'DROP COLLATION latin; CREATE COLLATION latin FROM "POSIX"',
    },
  ],
  pg_constraint: [
    {
      what: 'a check of a domain',
      query: 'SELECT id::small AS id FROM users',
      change: 'ALTER DOMAIN small ADD CHECK (VALUE > -5)',
    },
    {
      what: 'the key that a GROUP BY relies on',
      query: 'SELECT id, name FROM users GROUP BY id',
      change: 'ALTER TABLE users DROP CONSTRAINT users_pkey',
    },
  ],
  pg_conversion: [
    {
      what: 'a conversion',
      query: `SELECT convert_from('x', 'LATIN1') AS id`,
      change: `CREATE DEFAULT CONVERSION odd FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8`,
    },
  ],
  pg_database: [
    {
      what: 'the right to the database',
      query: SIMPLE,
      change: `DO $$ BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END $$`,
    },
  ],
  pg_db_role_setting: [
    { what: 'a setting of the role', query: SIMPLE, change: "ALTER ROLE {role} SET lc_time = 'C'" },
    {
      what: 'a setting of the database',
      query: SIMPLE,
      change: `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = pg_catalog', current_database()); END $$`,
    },
  ],
  pg_default_acl: 'decides about objects that do not exist yet',
  pg_depend: 'follows from the other catalogues',
  pg_description: 'read by functions alone that are polled',
  pg_enum: [
    {
      what: 'a label',
      query: `SELECT 'sad'::mood::text AS id`,
      change: `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`,
    },
    {
      what: 'a new label',
      query: 'SELECT enum_range(NULL::mood)::text AS id',
      change: `ALTER TYPE mood ADD VALUE 'glad'`,
    },
  ],
  pg_event_trigger: 'runs when definitions change, and these are watched',
  pg_extension: 'what an extension consists of is in the other catalogues',
  pg_foreign_data_wrapper: 'a query that reads a foreign table is polled',
  pg_foreign_server: 'as pg_foreign_data_wrapper',
  pg_foreign_table: 'as pg_foreign_data_wrapper',
  pg_index: 'decides how rows are found, not which',
  pg_inherits: [
    {
      what: 'a partition',
      query: 'SELECT id FROM parts',
      change: 'CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20)',
    },
    {
      what: 'a partition that is gone',
      query: 'SELECT id FROM parts',
      change: 'ALTER TABLE parts DETACH PARTITION parts_1',
    },
    {
      what: 'a partition whose detaching has begun',
      query: 'SELECT id FROM parts',
      change: `UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'parts_1'::regclass`,
      undo: `UPDATE pg_inherits SET inhdetachpending = false WHERE inhrelid = 'parts_1'::regclass`,
    },
    { what: 'a child', query: SIMPLE, change: 'CREATE TABLE students () INHERITS (users)' },
  ],
  pg_init_privs: 'what pg_dump leaves out',
  pg_language: 'functions that are not in SQL are polled, or immutable',
  pg_largeobject: 'the functions that read large objects are volatile: polled',
  pg_largeobject_metadata: 'as pg_largeobject',
  pg_namespace: [
    {
      what: 'the name of a schema',
      query: SIMPLE,
      change: 'ALTER SCHEMA public RENAME TO private; CREATE SCHEMA public',
    },
    { what: 'the right to a schema', query: SIMPLE, change: 'GRANT CREATE ON SCHEMA public TO {role}_group' },
  ],
  pg_opclass: [
    {
      what: 'how a type is compared',
      query: `SELECT GREATEST('[1,2)'::spans, '[2,3)'::spans)::text AS id`,
      change: `CREATE OPERATOR FAMILY odd USING btree; CREATE OPERATOR CLASS odd FOR TYPE spans USING btree FAMILY odd AS
        OPERATOR 1 pg_catalog.<(anyrange, anyrange), OPERATOR 2 pg_catalog.<=(anyrange, anyrange), OPERATOR 3 pg_catalog.=(anyrange, anyrange),
        OPERATOR 4 pg_catalog.>=(anyrange, anyrange), OPERATOR 5 pg_catalog.>(anyrange, anyrange), FUNCTION 1 range_cmp(anyrange, anyrange)`,
    },
  ],
  pg_operator: [
    {
      what: 'an operator with another function',
      query: 'SELECT id @+@ 1 AS id FROM users',
      change:
        'DROP OPERATOR @+@ (int, int); CREATE FUNCTION minus(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE RETURN a - b; CREATE OPERATOR @+@ (FUNCTION = minus, LEFTARG = int, RIGHTARG = int)',
    },
    {
      what: 'an operator that fits better',
      query: 'SELECT id @+@ 1 AS id FROM (SELECT 1::smallint AS id) AS s',
      change:
        'CREATE FUNCTION minus(a smallint, b int) RETURNS int LANGUAGE sql IMMUTABLE RETURN a - b; CREATE OPERATOR @+@ (FUNCTION = minus, LEFTARG = smallint, RIGHTARG = int)',
    },
  ],
  pg_opfamily: 'what it holds is in pg_amop and pg_amproc',
  pg_parameter_acl: 'decides who may change a setting; those that matter are pinned',
  pg_partitioned_table: 'decides where new rows go',
  pg_policy: [
    { what: 'a policy', query: SIMPLE, change: 'CREATE POLICY few ON users USING (id < 3)' },
    {
      what: 'the expression of a policy',
      setUp: 'CREATE POLICY few ON users USING (id < 3); ALTER TABLE users ENABLE ROW LEVEL SECURITY',
      query: SIMPLE,
      change: 'ALTER POLICY few ON users USING (id < 4)',
    },
  ],
  pg_proc: [
    {
      what: 'a body',
      query: 'SELECT twice(id) AS id FROM users',
      change: `CREATE OR REPLACE FUNCTION twice(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT i * 3'`,
    },
    {
      what: 'a function that a function calls',
      setUp: `CREATE FUNCTION four(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT twice(twice(i))'`,
      query: 'SELECT four(id) AS id FROM users',
      change: `CREATE OR REPLACE FUNCTION twice(i int) RETURNS int LANGUAGE sql STABLE AS 'SELECT i * 3'`,
    },
    {
      what: 'a default of an argument',
      setUp: 'CREATE FUNCTION add(i int, n int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE RETURN i + n',
      query: 'SELECT add(id) AS id FROM users',
      change:
        'CREATE OR REPLACE FUNCTION add(i int, n int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE RETURN i + n',
    },
    {
      what: 'a function that fits better',
      query: 'SELECT twice(id) AS id FROM (SELECT 1::smallint AS id) AS s',
      change: 'CREATE FUNCTION twice(i smallint) RETURNS int LANGUAGE sql IMMUTABLE RETURN i',
    },
    {
      what: 'settings of a function',
      query: 'SELECT twice(id) AS id FROM users',
      change: 'ALTER FUNCTION twice(int) SET search_path = pg_catalog',
    },
    {
      what: 'whose rights a function has',
      query: 'SELECT twice(id) AS id FROM users',
      change: 'ALTER FUNCTION twice(int) SECURITY DEFINER',
    },
    {
      what: 'a state function',
      query: 'SELECT total(id) AS id FROM users',
      change: 'CREATE OR REPLACE FUNCTION plus(s int, i int) RETURNS int LANGUAGE sql IMMUTABLE RETURN s - i',
    },
  ],
  pg_publication: 'decides what logical replication sends',
  pg_publication_namespace: 'as pg_publication',
  pg_publication_rel: 'as pg_publication',
  pg_range: [
    {
      what: 'a range made again',
      query: `SELECT upper('[1,5]'::spans) AS id`,
      change: 'DROP TYPE spans; CREATE TYPE spans AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = int4range_subdiff)',
    },
  ],
  pg_replication_origin: 'marks where replicated rows come from',
  pg_rewrite: [
    {
      what: 'a view',
      query: 'SELECT name FROM loud',
      change: 'CREATE OR REPLACE VIEW loud AS SELECT id, lower(name) AS name FROM users',
    },
  ],
  pg_seclabel: 'labels of security modules, which PostgreSQL does not read itself',
  pg_sequence: 'a query that reads a sequence is polled',
  pg_shdepend: 'follows from the other catalogues',
  pg_shdescription: 'as pg_description',
  pg_shseclabel: 'as pg_seclabel',
  pg_statistic: 'decides how rows are found, not which',
  pg_statistic_ext: 'as pg_statistic',
  pg_statistic_ext_data: 'as pg_statistic',
  pg_subscription: 'what it fills is in pg_subscription_rel',
  pg_subscription_rel: [
    {
      what: 'a table that a subscription fills',
      query: SIMPLE,
      change: `CREATE SUBSCRIPTION {role} CONNECTION 'host=localhost' PUBLICATION p WITH (connect = false);
        INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate) SELECT oid, 'users'::regclass, 'r' FROM pg_subscription WHERE subname = '{role}'`,
      undo: `DELETE FROM pg_subscription_rel; ALTER SUBSCRIPTION {role} SET (slot_name = NONE); DROP SUBSCRIPTION {role}`,
    },
  ],
  pg_tablespace: 'decides where rows are stored',
  pg_transform: 'for functions in other languages, which are polled',
  pg_trigger: [
    {
      what: 'the trigger that notes changes',
      setUp: `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER rivulet_note_change AFTER INSERT ON users EXECUTE FUNCTION note()`,
      query: SIMPLE,
      change: 'ALTER TABLE users DISABLE TRIGGER rivulet_note_change',
    },
  ],
  pg_ts_config: [
    {
      what: 'a text search configuration of the same name',
      query: `SELECT to_tsvector('words', name)::text AS id FROM users`,
      change: 'DROP TEXT SEARCH CONFIGURATION words; CREATE TEXT SEARCH CONFIGURATION words (COPY = english)',
    },
  ],
  pg_ts_config_map: [
    {
      what: 'what a text search configuration does with words',
      query: `SELECT to_tsvector('words', name)::text AS id FROM users`,
      change: 'ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH english_stem',
    },
  ],
  pg_ts_dict: [
    {
      what: 'an option of a dictionary',
      setUp: 'ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH plain',
      query: `SELECT to_tsvector('words', name)::text AS id FROM users`,
      change: 'ALTER TEXT SEARCH DICTIONARY plain (ACCEPT = false)',
    },
    {
      what: 'a dictionary that is named',
      query: `SELECT ts_lexize('plain', name)::text AS id FROM users`,
      change: 'ALTER TEXT SEARCH DICTIONARY plain (ACCEPT = false)',
    },
  ],
  pg_ts_parser: 'its functions are those of an extension, in C',
  pg_ts_template: 'as pg_ts_parser',
  pg_type: [
    {
      what: 'a type of the same name',
      query: `SELECT 'sad'::mood::text AS id`,
      change: `DROP TYPE mood; CREATE TYPE mood AS ENUM ('ok', 'sad')`,
    },
    {
      what: 'a type whose name is in the rows',
      query: 'SELECT pg_typeof(id::small)::text AS id FROM users',
      change: 'ALTER DOMAIN small RENAME TO tiny',
    },
  ],
  pg_user_mapping: 'as pg_foreign_data_wrapper',
};

const changes = Object.entries(catalogues).flatMap(([catalogue, list]) =>
  typeof list === 'string' ? [] : list.map((change) => ({ catalogue, ...change })),
);

it('is thought about for every catalogue that this PostgreSQL has', async () => {
  const { rows } = await database.pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' ORDER BY 1`,
  );
  expect(rows.map(({ name }) => name).filter((name) => !(name in catalogues))).toEqual([]);
});

describe('a change that writes to no table is noticed, or the query was polled before:', () => {
  it.each(changes)('$catalogue, $what', async ({ setUp = 'SELECT', query, change, undo }) => {
    const run = async (sql: string): Promise<void> =>
      withClient(database.pool, async (client) => {
        await client.query('SET allow_system_table_mods = on');
        await client.query(sql.replaceAll('{role}', role));
        await client.query('RESET allow_system_table_mods');
      });
    await run(setUp);
    const before = await look(query);
    expect(before).not.toContain('polled:');
    expect(await look(query)).toBe(before);
    await run(change);
    const after = await look(query).catch((error: Error) => error.message);
    if (undo !== undefined) await run(undo);
    expect(after).not.toBe(before);
  });
});
