import { withClient } from '@rivulet/postgres';
import { testServerVersion } from '@rivulet/testing';
import type { Pool } from 'pg';
import { macAddress, type Randomness } from './random-source';

/** Roles live in the cluster, so that each database has its own. */
export interface Roles {
  /** Reads for central. */
  reader: string;
  /** Owns the tables; the reader is a member. */
  owner: string;
  /** May see secrets; the reader is a member now and then. */
  group: string;
}

/** To be run by a superuser. */
export function definitionsSchema({ reader, owner, group }: Roles): string {
  return `
CREATE ROLE ${owner}; CREATE ROLE ${group}; CREATE ROLE ${reader} IN ROLE ${owner};
DO $$ BEGIN EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO ${reader}, ${owner}', current_database()); END $$;
GRANT CREATE, USAGE ON SCHEMA public TO ${reader}, ${owner};
CREATE SCHEMA ${reader} AUTHORIZATION ${owner};
CREATE TABLE public.guarded (id int PRIMARY KEY); INSERT INTO guarded VALUES (1); GRANT SELECT ON guarded TO ${reader};
SET ROLE ${owner};
CREATE TABLE public.device (id int PRIMARY KEY, mac_address text, site int);
INSERT INTO device VALUES (1, '${macAddress}', 1);
CREATE TYPE public.mood AS ENUM ('calm', 'wild');
CREATE TYPE public.address AS (street text, town text);
CREATE FUNCTION public.code_of(mood) RETURNS int LANGUAGE sql IMMUTABLE RETURN 1;
CREATE CAST (mood AS int) WITH FUNCTION public.code_of(mood);
CREATE TABLE public.people (id int PRIMARY KEY, site int, mood mood, home address);
INSERT INTO people SELECT n, 1 + n % 2, 'calm', ROW('s' || n, 't')::address FROM generate_series(1, 20) n;
CREATE TABLE public.items (id int PRIMARY KEY, site int, kind int, amount int, label text);
INSERT INTO items SELECT n, 1 + n % 2, n % 3, n, 'Running item ' || n FROM generate_series(1, 40) n;
CREATE TABLE public.wide (id int PRIMARY KEY, a text, b text); INSERT INTO wide SELECT n, 'a' || n, 'b' || n FROM generate_series(1, 5) n;
CREATE TABLE public.settings (k text PRIMARY KEY, n int); INSERT INTO settings VALUES ('width', 1);
CREATE TABLE public.contracts (id int PRIMARY KEY, valid_until timestamptz); INSERT INTO contracts VALUES (0, '2200-01-01');
CREATE FUNCTION public.price(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n * 2';
CREATE FUNCTION public.pure(n int, k int DEFAULT 1) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN n + k; END';
CREATE FUNCTION public.width() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT n FROM settings WHERE k = 'width'); END $$;
CREATE FUNCTION public.right_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT 'now'::timestamptz $$;
CREATE FUNCTION public.same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 = $2;
CREATE OPERATOR public.=== (FUNCTION = same, LEFTARG = int, RIGHTARG = int);
CREATE FUNCTION public.add_up(int, int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1 + $2;
CREATE AGGREGATE public.weighted(int) (SFUNC = add_up, STYPE = int, INITCOND = '0');
CREATE FUNCTION public.add_width(int, int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1 + $2 * width(); END';
CREATE AGGREGATE public.widened(int) (SFUNC = add_width, STYPE = int, INITCOND = '0');
CREATE TEXT SEARCH CONFIGURATION public.words (COPY = pg_catalog.english);
CREATE COLLATION public.mine FROM "C";
CREATE VIEW public.visible AS SELECT id, label FROM items WHERE amount > 3;
GRANT SELECT ON visible TO PUBLIC;
CREATE VIEW public.seen AS SELECT id, label FROM visible;
CREATE TABLE public.secured (id int PRIMARY KEY, secret boolean); INSERT INTO secured SELECT n, n % 2 = 0 FROM generate_series(1, 6) n;
ALTER TABLE secured ENABLE ROW LEVEL SECURITY; ALTER TABLE secured FORCE ROW LEVEL SECURITY;
CREATE POLICY open ON secured USING (NOT secret); CREATE POLICY known ON secured TO ${group} USING (true);
CREATE TABLE public.parts (id int, part text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE public.parts_low PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE public.parts_high PARTITION OF parts FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT n * 20, 'p' || n FROM generate_series(0, 9) n;
CREATE TABLE public.parent (id int PRIMARY KEY); CREATE TABLE public.child (id int); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2);
CREATE TABLE public.tiny (id int PRIMARY KEY, v text); INSERT INTO tiny VALUES (1, 'one');
CREATE TABLE public.spare (id int PRIMARY KEY, v text); INSERT INTO spare VALUES (1, 'two'), (2, 'two');
CREATE MATERIALIZED VIEW public.frozen AS SELECT kind, sum(amount) AS amount FROM items GROUP BY kind;
CREATE TABLE public.computed (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED); INSERT INTO computed VALUES (1), (2);
RESET ROLE`;
}

export const definitionsFile = `version: 1
scope:
  query: SELECT id AS device_id, site FROM device WHERE mac_address = :mac_address
datasets:
  - { name: people, key: [id], query: "SELECT id, mood, mood::int AS code, home::text AS home FROM people WHERE site = :site" }
  - { name: priced, key: [id], query: "SELECT id, price(amount) AS price, pure(amount) AS pure FROM items WHERE site = :site" }
  - { name: same, key: [id], query: "SELECT id, amount === 4 AS same FROM items" }
  - { name: sums, key: [kind], query: "SELECT kind, weighted(amount) AS amount FROM items GROUP BY kind" }
  - { name: words, key: [id], query: "SELECT id, to_tsvector('public.words', label)::text AS words FROM items" }
  - { name: low, key: [id], query: "SELECT id, label < 'running' COLLATE mine AS is_low FROM items" }
  - { name: wide, key: [id], query: SELECT * FROM wide }
  - { name: pinned, key: [id], columns: [id, a], query: SELECT * FROM wide }
  - { name: seen, key: [id], query: SELECT * FROM seen }
  - { name: secured, key: [id], query: SELECT id FROM secured }
  - { name: parts, key: [id], query: "SELECT id, part FROM parts" }
  - { name: family, key: [id], query: SELECT id FROM parent }
  - { name: tiny, key: [id], query: "SELECT id, v FROM tiny" }
  - { name: frozen, key: [kind], query: "SELECT kind, amount FROM frozen" }
  - { name: computed, key: [id], query: "SELECT id, twice FROM computed" }
  - { name: hidden, key: [id], query: "SELECT id, width() AS width FROM items WHERE id < 3" }
  - { name: listed, key: [id], query: "SELECT id, width FROM (VALUES (1, width()), (2, 0)) AS v (id, width)" }
  - { name: limited, key: [id], query: "SELECT id FROM items ORDER BY id LIMIT width() % 30" }
  - { name: framed, key: [id], query: "SELECT id, sum(amount) OVER (ORDER BY id ROWS width() % 9 PRECEDING) AS amount FROM items" }
  - { name: widened, key: [kind], query: "SELECT kind, widened(amount) AS amount FROM items GROUP BY kind" }
  - { name: said, key: [id], query: "SELECT id, current_setting('test.width', true) AS width, to_tsvector(label)::text AS words FROM items WHERE id < 3" }
  - { name: contracts, key: [id], query: "SELECT id FROM contracts WHERE valid_until >= right_now()" }
  - { name: current, key: [id], query: "SELECT id FROM contracts WHERE valid_until >= ('now'::text)::timestamptz" }
  - { name: guarded, key: [id], query: SELECT id FROM guarded }
`;

/** What is done to the source, and whether a definition is changed by it, which central has to look at. */
export interface Change {
  name: string;
  sql: string;
  isDefinition: boolean;
}

type Maker = (random: Randomness, roles: Roles) => string;

const writes: Record<string, Maker> = {
  'update items': (random) => `UPDATE items SET amount = amount + 1 WHERE id % 7 = ${random.below(7)}`,
  'update people': (random) => `UPDATE people SET site = 3 - site WHERE id % 5 = ${random.below(5)}`,
  'write the tables that are swapped': (random) =>
    `UPDATE tiny SET v = 'v${random.below(100)}'; UPDATE spare SET v = 's${random.below(100)}'`,
  'write as a replica': (random) =>
    `SET LOCAL session_replication_role = replica; UPDATE wide SET a = 'r${random.below(100)}'`,
  'write a partition': (random) => `UPDATE parts_high SET part = 'h${random.below(100)}'`,
  'write a child': (random) => `DELETE FROM child; INSERT INTO child VALUES (${2 + random.below(50)})`,
  'write what functions hide': (random) => `UPDATE settings SET n = ${random.below(100)}`,
  'write what may have no trigger': (random) =>
    `DELETE FROM guarded; INSERT INTO guarded VALUES (${random.below(100)})`,
  'refresh a materialized view': () => 'REFRESH MATERIALIZED VIEW frozen',
  'move the device': () => 'UPDATE device SET site = 3 - site',
  truncate: () => 'TRUNCATE spare; INSERT INTO spare SELECT id, v FROM tiny',
  'write secrets': (random) => `UPDATE secured SET secret = NOT secret WHERE id = ${1 + random.below(6)}`,
};

/** One maker for every kind of definition that a query's result can depend on. */
const definitions: Record<string, Maker> = {
  'a composite type': () =>
    either(
      `SELECT FROM pg_attribute WHERE attrelid = 'address'::regclass AND attname = 'zip' AND NOT attisdropped`,
      'ALTER TYPE address DROP ATTRIBUTE zip',
      'ALTER TYPE address ADD ATTRIBUTE zip text',
    ),
  'an enum': () =>
    either(
      `SELECT FROM pg_enum WHERE enumtypid = 'mood'::regtype AND enumlabel = 'calm'`,
      `ALTER TYPE mood RENAME VALUE 'calm' TO 'quiet'`,
      `ALTER TYPE mood RENAME VALUE 'quiet' TO 'calm'`,
    ),
  'a function behind a cast': (random) => `
    CREATE OR REPLACE FUNCTION code_of(mood) RETURNS int LANGUAGE sql IMMUTABLE RETURN ${random.below(9)}`,
  'a function in SQL': (random) => `
    CREATE OR REPLACE FUNCTION price(n int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n * ${random.below(9)}'`,
  'a function in PL/pgSQL': (random) => `
    CREATE OR REPLACE FUNCTION pure(n int, k int DEFAULT 1) RETURNS int LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN n + k + ${random.below(9)}; END'`,
  'the default of an argument': (random) => `
    CREATE OR REPLACE FUNCTION pure(n int, k int DEFAULT ${random.below(9)}) RETURNS int LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN n + k; END'`,
  'a function behind an operator': (random) => `
    CREATE OR REPLACE FUNCTION same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 = $2 + ${random.below(5)}`,
  'an aggregate': (random) => `
    CREATE OR REPLACE AGGREGATE weighted(int) (SFUNC = add_up, STYPE = int, INITCOND = '${random.below(9)}')`,
  'a text search configuration': (random) => `
    ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH ${random.pick(['simple', 'english_stem'])}`,
  'a collation': (random) =>
    `DROP COLLATION mine; CREATE COLLATION mine FROM "${random.pick(['C', 'und-x-icu'])}"`,
  'a view': (random) =>
    `CREATE OR REPLACE VIEW visible AS SELECT id, label FROM items WHERE amount > ${random.below(9)}`,
  'the owner of a view': (random, { reader, owner }) =>
    `ALTER VIEW visible OWNER TO ${random.pick([reader, owner])}`,
  'an option of a view': (random) => `ALTER VIEW seen SET (security_barrier = ${random.pick(['on', 'off'])})`,
  'row security': (random) => `ALTER TABLE secured ${random.pick(['ENABLE', 'DISABLE'])} ROW LEVEL SECURITY`,
  'whom row security is forced upon': (random) =>
    `ALTER TABLE secured ${random.pick(['FORCE', 'NO FORCE'])} ROW LEVEL SECURITY`,
  'a policy': (random) => `ALTER POLICY open ON secured USING (NOT secret AND id <> ${1 + random.below(6)})`,
  'a role': (random, { reader }) => `ALTER ROLE ${reader} ${random.pick(['BYPASSRLS', 'NOBYPASSRLS'])}`,
  'a membership': (random, { reader, group }) =>
    random.pick([`GRANT ${group} TO ${reader}`, `REVOKE ${group} FROM ${reader}`]),
  'a right': (_, { reader }) => `REVOKE SELECT ON guarded FROM ${reader}`,
  'a partition': () =>
    either(
      `SELECT FROM pg_inherits WHERE inhrelid = 'parts_high'::regclass`,
      'ALTER TABLE parts DETACH PARTITION parts_high',
      'ALTER TABLE parts ATTACH PARTITION parts_high FOR VALUES FROM (100) TO (200)',
    ),
  inheritance: () =>
    either(
      `SELECT FROM pg_inherits WHERE inhrelid = 'child'::regclass`,
      'ALTER TABLE child NO INHERIT parent',
      'ALTER TABLE child ALTER id SET NOT NULL, INHERIT parent',
    ),
  'settings of the database': (random) =>
    ofDatabase([
      `SET search_path = ${random.pick(['"$user", public', 'public', 'public, "$user"'])}`,
      `SET test.width = ''${random.below(100)}''`,
      `SET default_text_search_config = ''pg_catalog.${random.pick(['simple', 'english'])}''`,
    ]),
  persistence: (random) => `ALTER TABLE tiny SET ${random.pick(['LOGGED', 'UNLOGGED'])}`,
  'a trigger that is switched off': (random) =>
    `ALTER TABLE wide DISABLE TRIGGER ALL; UPDATE wide SET b = 'off${random.below(100)}'`,
  'a trigger that is dropped': (random) =>
    `DROP TRIGGER IF EXISTS rivulet_note_change ON people; UPDATE people SET site = 1 + id % ${1 + random.below(3)}`,
  'a column that is added': (random) =>
    `ALTER TABLE wide DROP COLUMN IF EXISTS extra, ADD COLUMN extra int DEFAULT ${random.below(100)}`,
  'a column that is dropped': () => 'ALTER TABLE wide DROP COLUMN IF EXISTS extra',
  'columns that exchange their names': () =>
    'ALTER TABLE wide RENAME a TO c; ALTER TABLE wide RENAME b TO a; ALTER TABLE wide RENAME c TO b',
  'a type of a column': (random) =>
    `ALTER TABLE wide ALTER b TYPE ${random.pick(['text', 'varchar(40)'])} USING b || 'x'`,
  'tables that exchange their names': () =>
    'ALTER TABLE tiny RENAME TO other; ALTER TABLE spare RENAME TO tiny; ALTER TABLE other RENAME TO spare',
  'a table that the search path finds first': (random, { reader, owner }) =>
    either(
      `SELECT FROM pg_class WHERE relname = 'parent' AND relnamespace = '${reader}'::regnamespace`,
      `DROP TABLE ${reader}.parent`,
      `CREATE TABLE ${reader}.parent AS SELECT ${random.below(9)} AS id; ALTER TABLE ${reader}.parent OWNER TO ${owner}`,
    ),
  ...(testServerVersion >= 17 && {
    'the expression of a column': (random: Randomness) =>
      `ALTER TABLE computed ALTER twice SET EXPRESSION AS (id * ${random.below(9)})`,
  }),
};

export const definitionKinds = Object.keys(definitions);

/** Mostly writes; one batch in three has a definition, too. Every kind comes before any comes again. */
export class RandomChanges {
  private kinds: string[] = [];

  constructor(
    private readonly random: Randomness,
    private readonly roles: Roles,
  ) {}

  next(): Change[] {
    const { random } = this;
    const changes = Array.from({ length: 1 + random.below(2) }, () =>
      this.make(writes, random.pick(Object.keys(writes)), false),
    );
    if (random.below(3) === 0) changes.splice(random.below(2), 0, this.nextDefinition());
    return changes;
  }

  private nextDefinition(): Change {
    if (this.kinds.length === 0) this.kinds = [...definitionKinds];
    const [kind] = this.kinds.splice(this.random.below(this.kinds.length), 1);
    return this.make(definitions, kind!, true);
  }

  private make(makers: Record<string, Maker>, name: string, isDefinition: boolean): Change {
    return { name, sql: makers[name]!(this.random, this.roles), isDefinition };
  }
}

/** A contract that is over a moment later, without a write. */
export function endingContract(random: Randomness): string {
  return `INSERT INTO contracts VALUES (${1 + random.below(1_000_000)}, clock_timestamp() + interval '60 ms') ON CONFLICT DO NOTHING`;
}

/** What cannot be done in a transaction: as if it were cut off, a partition stays half detached. */
export async function detachHalf(pool: Pool): Promise<void> {
  const reader = await pool.connect();
  await reader.query('BEGIN; SELECT FROM public.parts');
  await withClient(pool, async (owner) => {
    await owner.query(`SET statement_timeout = '200ms'`);
    const detached = owner.query('ALTER TABLE public.parts DETACH PARTITION public.parts_high CONCURRENTLY');
    await detached.catch(() => undefined);
    await owner.query('RESET statement_timeout');
  });
  await reader.query('ROLLBACK');
  reader.release();
}

/** @returns whether there was such a partition */
export async function finishDetaching(pool: Pool): Promise<boolean> {
  const { rowCount } = await pool.query('SELECT FROM pg_inherits WHERE inhdetachpending');
  if (rowCount === 0) return false;
  await pool.query('ALTER TABLE public.parts DETACH PARTITION public.parts_high FINALIZE');
  return true;
}

function ofDatabase(changes: string[]): string {
  const statements = changes.map(
    (change) => `EXECUTE format('ALTER DATABASE %I ${change}', current_database());`,
  );
  return `DO $do$ BEGIN ${statements.join(' ')} END $do$`;
}

function either(condition: string, then: string, otherwise: string): string {
  return `DO $do$ BEGIN IF EXISTS (${condition}) THEN ${then}; ELSE ${otherwise}; END IF; END $do$`;
}
