import { createPool } from '@rivulet/postgres';
import { schemaFingerprint, tableChecksum } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { prepareTarget } from '../../apps/central/src/collection/arrival/target-table';
import { CollectionDatabase } from '../../apps/central/src/collection/collection-database';
import { SettingsOfCollection1795845600000 } from '../../db/central/migrations/1795845600000-settings-of-collection';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator, type NetworkOutcome } from '../support/clients/collection-operator';

let central: CentralInProcess;
let operator: CollectionOperator;
let edge: CollectingEdge;
let tables = 0;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac' });
  operator = new CollectionOperator(central);
  edge = await CollectingEdge.join(central, { allow: ['things'] });
});
afterAll(async () => {
  await edge.stop();
  await central.stop();
});
beforeEach(() =>
  edge.database.pool.query(`
    DROP TABLE IF EXISTS things;
    CREATE TABLE things (id text PRIMARY KEY, name text);
    INSERT INTO things SELECT n, 'name ' || n FROM generate_series(1, 50) AS n`),
);

async function define(mode = 'mirror'): Promise<[job: string, table: string]> {
  const table = `target_${++tables}`;
  const sql_command = 'SELECT * FROM things';
  return [await operator.define({ name: table, sql_command, mode, target_table: table }, [edge]), table];
}

async function resultOf(job: string): Promise<NetworkOutcome> {
  return (await operator.run(job, [edge])).results[0]!;
}

/** All that a reader sees. */
async function rowsOf(table: string): Promise<string> {
  const { rows } = await central.database.pool.query<{ row: string }>(
    `SELECT (id, name)::text AS row FROM collected.${table} ORDER BY id`,
  );
  return rows.map(({ row }) => row).join();
}

const onCentral = (statement: string): Promise<unknown> => central.database.pool.query(statement);
const onEdge = (statement: string): Promise<unknown> => edge.database.pool.query(statement);

it.each([
  [
    'a trigger that raises',
    (table: string) => `
      CREATE FUNCTION public.raise_${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
      CREATE TRIGGER raises BEFORE INSERT OR UPDATE ON collected.${table} FOR EACH ROW EXECUTE FUNCTION public.raise_${table}()`,
    'COLLECTION_TARGET_UNFIT',
  ],
  [
    'a trigger that changes rows',
    (table: string) => `
      CREATE FUNCTION public.change_${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := 'x'; RETURN NEW; END $$;
      CREATE TRIGGER changes BEFORE INSERT OR UPDATE ON collected.${table} FOR EACH ROW EXECUTE FUNCTION public.change_${table}()`,
    'COLLECTION_UNPROVED',
  ],
  [
    'a rule that drops rows',
    (table: string) => `CREATE RULE drops AS ON INSERT TO collected.${table} DO INSTEAD NOTHING`,
    'COLLECTION_UNPROVED',
  ],
  [
    'a column that must not be NULL',
    (table: string) =>
      `ALTER TABLE collected.${table} ADD must int NOT NULL DEFAULT 1; ALTER TABLE collected.${table} ALTER must DROP DEFAULT`,
    'COLLECTION_OFFER_INVALID',
  ],
  [
    'a key of other columns',
    (table: string) =>
      `ALTER TABLE collected.${table} DROP CONSTRAINT ${table}_pkey; ALTER TABLE collected.${table} ADD PRIMARY KEY (id)`,
    'COLLECTION_TARGET_UNFIT',
  ],
])('a target with %s is held, and its rows stay as they were', async (_, alter, code) => {
  const [job, table] = await define();
  expect((await resultOf(job)).state).toBe('succeeded');
  const before = await rowsOf(table);
  await onCentral(alter(table));
  await onEdge("UPDATE things SET name = 'changed' WHERE id < '3'; INSERT INTO things VALUES ('new', 'row')");
  const result = await resultOf(job);
  expect(result).toMatchObject({ state: 'failed', error: { code } });
  expect(await rowsOf(table)).toBe(before);
});

it('a column that somebody has dropped comes back, with its values', async () => {
  const [job, table] = await define();
  await resultOf(job);
  await onCentral(`ALTER TABLE collected.${table} DROP COLUMN name`);
  await onEdge("UPDATE things SET name = 'changed' WHERE id = '7'");
  expect((await resultOf(job)).state).toBe('succeeded');
  const { rows } = await edge.database.pool.query<{ row: string }>(
    'SELECT (id, name)::text AS row FROM things ORDER BY id COLLATE "C"',
  );
  const collected = (await rowsOf(table)).split(',(').length;
  expect(collected).toBe(rows.length);
  expect(await rowsOf(table)).toContain('(7,changed)');
});

it('a table that another role has prepared is not written, so that its triggers do not run as central', async () => {
  const [job, table] = await define();
  await onCentral(`
    CREATE SCHEMA IF NOT EXISTS collected; DROP ROLE IF EXISTS rivulet_test_thief; CREATE ROLE rivulet_test_thief;
    CREATE TABLE public.stolen_${table} (by_role text); GRANT INSERT ON public.stolen_${table} TO PUBLIC;
    CREATE TABLE collected.${table} (network_id text COLLATE "C", collected_at timestamptz DEFAULT now(),
      run_id text DEFAULT '', id text COLLATE "C", name text, PRIMARY KEY (network_id, id));
    COMMENT ON TABLE collected.${table} IS 'Rivulet collected rows, mode mirror';
    CREATE FUNCTION public.steal_${table}() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO public.stolen_${table} VALUES (current_user); RETURN NEW; END $$;
    CREATE TRIGGER steals BEFORE INSERT ON collected.${table} FOR EACH ROW EXECUTE FUNCTION public.steal_${table}();
    ALTER TABLE collected.${table} OWNER TO rivulet_test_thief`);
  try {
    expect((await resultOf(job)).error).toMatchObject({
      code: 'COLLECTION_TARGET_UNFIT',
      message: expect.stringContaining('its owner is rivulet_test_thief') as string,
    });
    const { rows } = await central.database.pool.query(`SELECT FROM public.stolen_${table}`);
    expect(rows).toHaveLength(0);
  } finally {
    await onCentral(`DROP TABLE collected.${table}; DROP ROLE rivulet_test_thief`);
  }
});

it('a key that is too large for an index fails for this network with a code', async () => {
  const [job] = await define();
  await onEdge(`
    ALTER TABLE things DROP CONSTRAINT things_pkey;
    INSERT INTO things SELECT string_agg(md5(n::text), ''), 'huge' FROM generate_series(1, 300) AS n`);
  expect((await resultOf(job)).error).toMatchObject({ code: 'COLLECTION_OFFER_INVALID' });
});

it.each([
  ['NULL', "INSERT INTO things VALUES (NULL, 'x')", 'DATASET_KEY_NULL'],
  ['one twice', "INSERT INTO things VALUES ('1', 'x')", 'DATASET_KEY_NOT_UNIQUE'],
])('a key that is %s fails on the device with a code', async (_, statement, code) => {
  const [job] = await define();
  await onEdge(
    `ALTER TABLE things DROP CONSTRAINT things_pkey; ALTER TABLE things ALTER id DROP NOT NULL; ${statement}`,
  );
  expect((await resultOf(job)).error).toMatchObject({ code });
});

it.each(['x"; DROP TABLE users; --', 'a.b', '', 'x'.repeat(64), 'ä\0'])(
  'a target table may not have the name %j',
  async (target_table) => {
    const [status] = await central.call('POST', '/api/schemas', {
      name: 'injected',
      sql_command: 'SELECT * FROM things',
      target_table,
    });
    expect(status).toBe(400);
  },
);

const asDevice = async <T>(path: string, body: object = {}): Promise<[number, T]> =>
  central.call<T>('POST', `/api/collection/${path}`, body, { 'x-device-mac': edge.macAddress });

describe('a target that changes while a run goes on', () => {
  const columns = [
    { name: 'id', type: 'text' },
    { name: 'at', type: 'timestamp with time zone' },
  ];
  let table: string;
  let schemaId: string;
  let job: string;

  const newSchema = (): object => ({
    name: 'changing',
    sql_command: 'SELECT id, at FROM things WHERE at > ?',
    target_table: table,
    overlap: 0,
  });

  beforeEach(async () => {
    table = `target_${++tables}`;
    await onEdge('ALTER TABLE things ADD at timestamptz DEFAULT now()');
    job = await operator.define(newSchema(), [edge]);
    schemaId = (await operator.find<{ schema_id: string }>(`/api/jobs/${job}`)).schema_id;
    await resultOf(job);
  });

  /** A network that has no new row. @param meanwhile - after it has its task */
  async function offerNothing(meanwhile?: () => Promise<unknown>): Promise<string> {
    await operator.post(`/api/jobs/${job}/run`);
    const [, { tasks }] = await asDevice<{ tasks: { runId: string; watermark: { after: string }[] }[] }>(
      'tasks',
    );
    expect(tasks[0]!.watermark[0]!.after).toBeDefined();
    await meanwhile?.();
    const checksum = tableChecksum(schemaFingerprint({ name: 'changing', columns, key: ['id'] }), []);
    const offer = { columns, rows: 0, bytes: 0, digests: '', checksum };
    expect(await asDevice(`runs/${tasks[0]!.runId}/offer`, offer)).toMatchObject([200, { missing: '' }]);
    return tasks[0]!.runId;
  }

  const replaceSchema = async (): Promise<void> => {
    table = `target_${++tables}`;
    await central.call('PUT', `/api/schemas/${schemaId}`, newSchema());
  };
  const dropTable = (): Promise<unknown> => onCentral(`DROP TABLE collected.${table}`);

  it.each([
    ['as the schema is replaced', () => offerNothing(), replaceSchema],
    ['as the table is dropped', () => offerNothing(dropTable), () => Promise.resolve()],
  ])('%s gets none of its rows, and then all that there are', async (_, offer, change) => {
    const runId = await offer();
    await change();
    const refused = await asDevice(`runs/${runId}/commit`);
    expect(refused).toMatchObject([409, { code: 'COLLECTION_TARGET_CHANGED' }]);
    expect(await operator.outcome(runId)).toMatchObject({
      state: 'failed',
      results: [{ error: { code: 'COLLECTION_TARGET_CHANGED', next_step: 'Run the job again.' } }],
    });
    expect(await operator.find(`/api/jobs/${job}`)).toMatchObject({ held: [] });
    expect(await resultOf(job)).toMatchObject({ state: 'succeeded', rows: 50 });
  });

  it('as the table is renamed between two runs begins from nothing', async () => {
    await onCentral(`ALTER TABLE collected.${table} RENAME TO ${table}_old`);
    expect(await resultOf(job)).toMatchObject({ state: 'succeeded', rows: 50 });
  });
});

it('a target whose defaults went with the schema of central has them again when its tables are made again', async () => {
  const [job, table] = await define();
  await resultOf(job);
  await onEdge("UPDATE things SET name = 'changed' WHERE id = '50'");
  await onCentral('DROP FUNCTION rivulet.collection_setting CASCADE');
  const runner = central.get(DataSource).createQueryRunner();
  try {
    await new SettingsOfCollection1795845600000().up(runner);
  } finally {
    await runner.release();
  }
  expect(await resultOf(job)).toMatchObject({ state: 'succeeded', rows: 50 });
  expect(await rowsOf(table)).toContain('(50,changed)');
});

it('where central may not make the schema collected, the error names the right to give', async () => {
  await onCentral(`DROP SCHEMA collected CASCADE; CREATE ROLE rivulet_test_narrow;
    GRANT USAGE ON SCHEMA rivulet TO rivulet_test_narrow; GRANT DELETE, SELECT ON rivulet.collection_positions TO rivulet_test_narrow`);
  const url = new URL(central.database.url);
  url.searchParams.set('options', '-c role=rivulet_test_narrow');
  const pool = createPool({ url: url.href, applicationName: 'test narrow', maxConnections: 1 });
  const narrow = new CollectionDatabase(pool);
  const shape = { schemaId: 'none', name: 'narrow', targetTable: 'narrow', mode: 'mirror' as const };
  const prepare = (): Promise<unknown> =>
    prepareTarget(narrow, { ...shape, key: ['id'], columns: [{ name: 'id', type: 'text' }] });
  try {
    await expect(prepare()).rejects.toMatchObject({
      code: 'COLLECTION_TARGET_UNFIT',
      nextStep: expect.stringContaining('GRANT USAGE, CREATE ON SCHEMA collected') as string,
    });
    await onCentral(
      'CREATE SCHEMA IF NOT EXISTS collected; GRANT USAGE, CREATE ON SCHEMA collected TO rivulet_test_narrow',
    );
    await expect(prepare()).resolves.toBeDefined();
  } finally {
    await narrow.onApplicationShutdown();
    await onCentral('DROP OWNED BY rivulet_test_narrow; DROP ROLE rivulet_test_narrow');
  }
});
