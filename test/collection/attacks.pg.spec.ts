import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator } from '../support/clients/collection-operator';

let central: CentralInProcess;
let operator: CollectionOperator;
let edge: CollectingEdge;
let targets = 0;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac', CENTRAL_COLLECTION_APPLIES: '4' });
  operator = new CollectionOperator(central);
  edge = await CollectingEdge.join(central, { allow: ['orders', 'sales.totals'], timeoutMs: 5_000 });
  await edge.database.pool.query(`
    CREATE TABLE orders (id int PRIMARY KEY, at timestamptz DEFAULT now(), note text);
    INSERT INTO orders SELECT n, now(), 'note' FROM generate_series(1, 3) AS n;
    CREATE TABLE secrets (id int PRIMARY KEY, value text); INSERT INTO secrets VALUES (1, 'hidden');
    CREATE SCHEMA sales; CREATE VIEW sales.totals AS SELECT 1 AS id, value FROM secrets;
    CREATE VIEW hidden_view AS SELECT 1 AS id, value FROM secrets; CREATE TABLE sales.orders AS SELECT 1 AS id, value FROM secrets;
    CREATE FUNCTION public.dblink(text, text) RETURNS SETOF record LANGUAGE sql AS 'SELECT value FROM secrets';
    CREATE TABLE written (n int); CREATE SEQUENCE counted;
    CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO written VALUES (1) RETURNING n';
    CREATE FUNCTION quiet(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM writes(); RETURN 1; END';
    CREATE FUNCTION public.lower(int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT value FROM secrets';
    CREATE OPERATOR public.=== (FUNCTION = quiet, RIGHTARG = int);
    CREATE AGGREGATE public.peek(int) (SFUNC = int4pl, STYPE = int, FINALFUNC = quiet);
    CREATE DOMAIN public.watched AS int CHECK (quiet(VALUE) = 1);
    SELECT lo_from_bytea(4711, 'hidden')`);
});
afterAll(async () => {
  await edge.stop();
  await central.stop();
});

/** By a central that does not look at queries itself. */
async function attempt(sql: string): Promise<{ code: string; message: string; rows: number }> {
  const target_table = `attack_${++targets}`;
  const job = await operator.define(
    { name: 'an attack', sql_command: 'SELECT id FROM orders', target_table },
    [edge],
  );
  await central.database.pool.query(
    'UPDATE rivulet.collection_schemas SET sql_command = $1 WHERE target_table = $2',
    [sql, target_table],
  );
  const [result] = (await operator.run(job, [edge])).results;
  const { rows } = await central.database.pool.query('SELECT to_regclass($1) AS made', [
    `collected.${target_table}`,
  ]);
  expect((rows as { made: string | null }[])[0]!.made).toBeNull();
  return { ...result!.error!, rows: result!.rows };
}

it.each<[string, string]>([
  ['a table that is not allowed', 'SELECT * FROM secrets'],
  ['one in a subquery', 'SELECT id, (SELECT value FROM secrets) AS v FROM orders'],
  ['one in a condition', 'SELECT id FROM orders WHERE EXISTS (SELECT FROM secrets)'],
  ['one in a CTE', 'WITH s AS (SELECT * FROM secrets) SELECT id FROM s'],
  ['the catalogue', 'SELECT oid AS id, rolname FROM pg_authid'],
  ['settings', "SELECT id, current_setting('data_directory') AS d FROM orders"],
  ['pg_sleep', 'SELECT id, pg_sleep(60)::text AS s FROM orders'],
  ['pg_read_file', "SELECT id, pg_read_file('/etc/passwd') AS f FROM orders"],
  ['pg_ls_dir', "SELECT 1 AS id, f FROM pg_ls_dir('.') AS f"],
  ['a large object', 'SELECT id, lo_get(4711) AS l FROM orders'],
  [
    'another query in XML',
    "SELECT id, query_to_xml('SELECT * FROM secrets', true, true, '') AS x FROM orders",
  ],
  ['a schema in XML', "SELECT id, schema_to_xml('public', true, true, '') AS x FROM orders"],
  ['a sequence', "SELECT id, nextval('counted') AS n FROM orders"],
  ['a lock', 'SELECT id, pg_advisory_lock(1)::text AS l FROM orders'],
  ['a notification', "SELECT id, pg_notify('a', 'b')::text AS n FROM orders"],
  ['a cancelled session', 'SELECT id, pg_terminate_backend(1) AS t FROM orders'],
  ['the sessions of others', 'SELECT pid AS id, query FROM pg_stat_get_activity(NULL)'],
  ['a function that writes', 'SELECT id, writes() AS w FROM orders'],
  ['one that says that it does not', 'SELECT id, quiet(id) AS w FROM orders'],
  ['an operator of its own', 'SELECT id, === id AS w FROM orders'],
  ['an aggregate of its own', 'SELECT 1 AS id, peek(id) AS p FROM orders'],
  ['a function with a name of PostgreSQL', 'SELECT id, lower(id) AS l FROM orders'],
  ['a domain with a function', 'SELECT id, id::watched AS w FROM orders'],
  ['locked rows', 'SELECT id FROM orders FOR UPDATE'],
  ['a view that is not allowed', 'SELECT * FROM hidden_view'],
  ['the information schema', 'SELECT table_name AS id FROM information_schema.tables'],
  ['a function that sets a setting', "SELECT id, set_config('search_path', 'sales', false) AS s FROM orders"],
  ['a lock for the transaction', 'SELECT id, pg_try_advisory_xact_lock(1) AS l FROM orders'],
  ['a large object from a file', "SELECT id, lo_import('/etc/passwd')::text AS l FROM orders"],
  ['a large object into a file', "SELECT id, lo_export(4711, '/tmp/x') AS l FROM orders"],
  ['a reloaded configuration', 'SELECT id, pg_reload_conf() AS r FROM orders'],
  ['a generator of rows that sleeps', "SELECT 1 AS id, * FROM pg_sleep_for(interval '1 min')"],
  ['a row of a table as a value', 'SELECT o.id, (SELECT s FROM secrets AS s)::text AS v FROM orders AS o'],
  [
    'a regclass that is read later',
    "SELECT id, table_to_xml('secrets'::regclass, true, true, '')::text AS v FROM orders",
  ],
  ['a size of a table', "SELECT id, pg_relation_size('secrets') AS n FROM orders"],
  ['a table of the name of one that is allowed', 'SELECT * FROM sales.orders'],
  [
    'another server',
    "SELECT 1 AS id, * FROM public.dblink('', 'SELECT value FROM secrets') AS t (value text)",
  ],
  ['a table sample method', 'SELECT id FROM secrets TABLESAMPLE system(100)'],
])('refuses on the device a query with %s, and reads nothing', async (_, sql) => {
  expect(await attempt(sql)).toMatchObject({ code: 'COLLECTION_NOT_ALLOWED', rows: 0 });
});

it.each<[string, string]>([
  ['writes', 'INSERT INTO orders VALUES (9) RETURNING id'],
  ['writes in a CTE', 'WITH w AS (DELETE FROM orders RETURNING *) SELECT id FROM w'],
  ['makes a table', 'SELECT id INTO stolen FROM orders'],
  ['runs a program', "COPY orders TO PROGRAM 'touch /tmp/x'"],
  ['does something', 'DO $$ BEGIN PERFORM writes(); END $$'],
  ['explains a write', 'EXPLAIN ANALYZE INSERT INTO orders VALUES (9)'],
  ['merges', 'MERGE INTO orders USING written ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (1)'],
  ['takes a role', 'SET ROLE postgres'],
  ['sets a search path, and then reads', 'SET search_path = sales; SELECT * FROM orders'],
  ['is two', 'SELECT id FROM orders; DELETE FROM orders'],
  ['prepares', 'PREPARE p AS SELECT 1 AS id'],
  ['loads a library', "LOAD '/tmp/x.so'"],
  ['is a procedure', 'CALL writes()'],
  ['is no SQL', 'hello'],
])('does not take a text that %s', async (_, sql) => {
  expect((await attempt(sql)).code).toMatch(/^COLLECTION_(QUERY_FAILED|NOT_ALLOWED)$/);
});

it.each([
  "SELECT id FROM orders) AS query) AS dataset ORDER BY id) TO PROGRAM 'touch /tmp/x' --",
  'SELECT id FROM orders) AS a, (SELECT 1 AS b',
  "SELECT id FROM orders) TO PROGRAM 'x' WITH (FORMAT text",
])('does not let %s out of its parentheses', async (sql) => {
  expect(await attempt(sql)).toMatchObject({ code: 'COLLECTION_NOT_ALLOWED', rows: 0 });
});

it('takes a watermark as a value, whatever it is', async () => {
  const injected = "2026-01-01'::timestamptz OR (SELECT count(*) FROM secrets) > 0 --";
  const job = await operator.define(
    { name: 'a value', sql_command: 'SELECT * FROM orders WHERE at > ?', target_table: 'a_value' },
    [edge],
  );
  await operator.run(job, [edge]);
  await central.database.pool.query('UPDATE rivulet.collection_positions SET watermark = $1', [injected]);
  const [result] = (await operator.run(job, [edge])).results;
  expect(result!.error).toMatchObject({ code: 'COLLECTION_QUERY_FAILED' });
  expect(result!.error!.message).toContain('invalid input syntax for type timestamp with time zone');
});

it('lets queries compute, and read what is allowed: views, too', async () => {
  const sql_command = `
    SELECT o.id, upper(note) AS loud, now() - at < interval '1 day' AS is_new, count(*) OVER () AS n, t.value, to_char(at, 'YYYY') AS y
    FROM orders AS o CROSS JOIN sales.totals AS t WHERE o.id = ANY (ARRAY[1, 2, 3]) ORDER BY 1 DESC LIMIT 10`;
  const job = await operator.define({ name: 'fine', sql_command, target_table: 'fine' }, [edge]);
  expect((await operator.run(job, [edge])).state).toBe('succeeded');
  const { rows } = await central.database.pool.query(
    'SELECT id, loud, is_new, n, value FROM collected.fine ORDER BY id',
  );
  expect(rows[0]).toEqual({ id: 1, loud: 'NOTE', is_new: true, n: '3', value: 'hidden' });
});

it('wrote nothing on the device, and left nothing open', async () => {
  const { rows } = await edge.database.pool.query(
    `SELECT (SELECT count(*)::int FROM written) AS written, (SELECT is_called FROM counted) AS called,
            (SELECT count(*)::int FROM orders) AS orders,
            (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%') AS open`,
  );
  expect(rows).toEqual([{ written: 0, called: false, orders: 3, open: 0 }]);
});
