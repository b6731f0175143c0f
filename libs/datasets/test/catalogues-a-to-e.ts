import { SIMPLE, type CatalogueChanges } from './catalogue-change';

export const cataloguesAToE: CatalogueChanges = {
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
};
