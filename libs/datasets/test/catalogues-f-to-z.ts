import { SIMPLE, type CatalogueChanges } from './catalogue-change';

export const cataloguesFToZ: CatalogueChanges = {
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
    {
      what: 'a text search configuration that is found first',
      query: `SELECT to_tsvector('words', name)::text AS id FROM users`,
      change: 'CREATE SCHEMA {role}; CREATE TEXT SEARCH CONFIGURATION {role}.words (COPY = english)',
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
    {
      what: 'a dictionary that is found first',
      query: `SELECT ts_lexize('plain', name)::text AS id FROM users`,
      change: 'CREATE SCHEMA {role}; CREATE TEXT SEARCH DICTIONARY {role}.plain (TEMPLATE = simple)',
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
