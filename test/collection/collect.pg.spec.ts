import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyReceipts } from '../../tools/proof/verify-receipts';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator, type NetworkOutcome } from '../support/clients/collection-operator';

const schema = (target_table: string, more: object = {}): object => ({
  name: `schema ${target_table}`,
  sql_command: 'SELECT * FROM users',
  target_table,
  ...more,
});

const append = (target: string): object =>
  schema(target, { sql_command: 'SELECT * FROM users WHERE updated_at > ?', overlap: 3_600 });

let central: CentralInProcess;
let operator: CollectionOperator;
let edges: CollectingEdge[];

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac', CENTRAL_COLLECTION_APPLIES: '4' });
  operator = new CollectionOperator(central);
  edges = await Promise.all([1, 2, 3].map(() => CollectingEdge.join(central, { allow: ['users'] })));
});
afterAll(async () => {
  await Promise.all(edges.map((edge) => edge.stop()));
  await central.stop();
});
beforeEach(async () => {
  for (const [index, { database }] of edges.entries())
    await database.pool.query(`
      DROP TABLE IF EXISTS users CASCADE;
      CREATE TABLE users (name text, id bigint PRIMARY KEY, updated_at timestamptz NOT NULL, extra jsonb);
      INSERT INTO users SELECT E'user\\t' || n, n, timestamptz '2026-01-01' + n * interval '1 minute', '{"n": 1.0}'
      FROM generate_series(${index}, ${index + 2_000}) AS n`);
});

/** The rows of a network in a target table, or of the query on the network itself, as one text. */
async function rowsOf(pool: CollectingEdge['database']['pool'], from: string): Promise<string> {
  const { rows } = await pool.query<{ row: string }>(
    `SELECT (id, name, updated_at, extra)::text AS row FROM ${from} ORDER BY id`,
  );
  return rows.map(({ row }) => row).join('\n');
}

async function expectEqualRows(target: string, of = edges): Promise<void> {
  for (const { networkId, database } of of) {
    const collected = await rowsOf(
      central.database.pool,
      `collected.${target} WHERE network_id = '${networkId}'`,
    );
    expect(collected).toBe(await rowsOf(database.pool, 'users'));
  }
}

describe('mirror', () => {
  it('gives the target exactly the rows of each network, and sends only chunks that differ', async () => {
    const job = await operator.define(schema('mirrored'), edges);
    const first = await operator.run(job, edges);
    expect(first).toMatchObject({ state: 'succeeded', rows: 6_003 });
    await expectEqualRows('mirrored');
    for (const { database } of edges)
      await database.pool.query(`
        DELETE FROM users WHERE id = 1000; UPDATE users SET id = id + 100000 WHERE id = 5;
        UPDATE users SET extra = '{"n": 1.00}' WHERE id = 1500`);
    const second = await operator.run(job, edges);
    await expectEqualRows('mirrored');
    expect(second.sent_bytes).toBeLessThan(first.sent_bytes);
    const third = await operator.run(job, edges);
    expect(third).toMatchObject({ state: 'succeeded', sent_bytes: 0, rows: 6_000 });
    await Promise.all(edges.map(({ database }) => database.pool.query('DELETE FROM users')));
    await operator.run(job, edges);
    await expectEqualRows('mirrored');
  });

  it('gets everything again when somebody has changed the target', async () => {
    const job = await operator.define(schema('meddled'), edges);
    await operator.run(job, edges);
    await central.database.pool.query('DELETE FROM collected.meddled WHERE id > 100');
    await Promise.all(
      edges.map(({ database }) => database.pool.query("UPDATE users SET name = 'x' WHERE id = 2")),
    );
    expect((await operator.run(job, edges)).state).toBe('succeeded');
    await expectEqualRows('meddled');
  });
});

describe('append', () => {
  it('adds what is above the watermark, and finds commits that were late', async () => {
    const job = await operator.define(append('appended'), edges);
    await operator.run(job, edges);
    await expectEqualRows('appended');
    for (const { database } of edges)
      await database.pool.query(`
        INSERT INTO users SELECT 'late', 900001, max(updated_at) - interval '50 minutes' FROM users;
        UPDATE users SET name = 'new', updated_at = (SELECT max(updated_at) + interval '1 s' FROM users) WHERE id = 7`);
    const run = await operator.run(job, edges);
    expect(run.rows).toBeLessThan(3 * 70);
    await expectEqualRows('appended');
  });

  it('keeps what the network has deleted', async () => {
    const job = await operator.define(append('kept'), edges.slice(0, 1));
    await operator.run(job, edges.slice(0, 1));
    await edges[0]!.database.pool.query('DELETE FROM users');
    expect(await operator.run(job, edges.slice(0, 1))).toMatchObject({ state: 'succeeded', rows: 0 });
    const { rows } = await central.database.pool.query('SELECT FROM collected.kept');
    expect(rows).toHaveLength(2_001);
  });

  it('is not stopped by a row from the future', async () => {
    const [edge] = edges as [CollectingEdge];
    await edge.database.pool.query("INSERT INTO users VALUES ('future', 900002, '2999-01-01')");
    const job = await operator.define(append('futures'), [edge]);
    await operator.run(job, [edge]);
    await edge.database.pool.query("INSERT INTO users VALUES ('now', 900003, now())");
    expect((await operator.run(job, [edge])).rows).toBe(2);
    await expectEqualRows('futures', [edge]);
  });
});

describe('snapshot', () => {
  it('keeps the rows of each run', async () => {
    const [edge] = edges as [CollectingEdge];
    const job = await operator.define(schema('snapped', { mode: 'snapshot' }), [edge]);
    const before = await rowsOf(edge.database.pool, 'users');
    const first = await operator.run(job, [edge]);
    await edge.database.pool.query('DELETE FROM users WHERE id < 1000');
    const second = await operator.run(job, [edge]);
    const collected = (run: string): Promise<string> =>
      rowsOf(central.database.pool, `collected.snapped WHERE run_id = '${run}'`);
    expect(await collected(first.id)).toBe(before);
    expect(await collected(second.id)).toBe(await rowsOf(edge.database.pool, 'users'));
  });
});

describe('the target table', () => {
  it('gets new columns, and NULL where the query has a column no longer', async () => {
    const [edge] = edges as [CollectingEdge];
    const job = await operator.define(schema('widened'), [edge]);
    await operator.run(job, [edge]);
    await edge.database.pool.query('ALTER TABLE users ADD COLUMN age integer DEFAULT 40, DROP COLUMN extra');
    expect((await operator.run(job, [edge])).state).toBe('succeeded');
    const { rows } = await central.database.pool.query(
      'SELECT count(age)::int AS ages, count(extra)::int AS extras FROM collected.widened',
    );
    expect(rows).toEqual([{ ages: 2_001, extras: 0 }]);
  });

  it('holds only the network whose column has another type, and touches no row', async () => {
    const job = await operator.define(schema('typed'), edges);
    await operator.run(job, edges);
    const [edge, ...others] = edges as [CollectingEdge, CollectingEdge, CollectingEdge];
    const before = await rowsOf(
      central.database.pool,
      `collected.typed WHERE network_id = '${edge.networkId}'`,
    );
    await edge.database.pool.query('ALTER TABLE users ALTER COLUMN name TYPE varchar(80)');
    await Promise.all(others.map(({ database }) => database.pool.query('DELETE FROM users WHERE id > 500')));
    const run = await operator.run(job, edges);
    expect(run.state).toBe('partial');
    expect(run.results.find(({ network_id }) => network_id === edge.networkId)!.error).toMatchObject({
      code: 'COLLECTION_TARGET_UNFIT',
      message: expect.stringContaining('column name is text') as string,
    });
    expect(
      await rowsOf(central.database.pool, `collected.typed WHERE network_id = '${edge.networkId}'`),
    ).toBe(before);
    await expectEqualRows('typed', others);
    await edge.database.pool.query('ALTER TABLE users ALTER COLUMN name TYPE text');
    expect((await operator.run(job, edges)).state).toBe('succeeded');
    await expectEqualRows('typed');
  });

  it('that Rivulet has not made is not written', async () => {
    await central.database.pool.query(
      'CREATE SCHEMA IF NOT EXISTS collected; CREATE TABLE collected.foreign_one (id int)',
    );
    const run = await operator.run(await operator.define(schema('foreign_one'), edges), edges);
    expect(run.results.map(({ error }) => error!.code)).toEqual(Array(3).fill('COLLECTION_TARGET_UNFIT'));
  });
});

it('the edge keeps signed receipts, which show later what central has committed, and are renewed with its key', async () => {
  const [edge] = edges as [CollectingEdge];
  const run = await operator.run(await operator.define(schema('signed'), [edge]), [edge]);
  const [{ receipt, digest }] = run.results as [NetworkOutcome];
  const kept = readFileSync(join(edge.spool, 'receipts.jws'), 'utf8');
  expect(kept.split('\n')).toContain(receipt);
  const { thumbprint, before } = await operator.post<{ thumbprint: string; before: string }>(
    '/api/operators/signing-keys/rotate',
  );
  const shown = await verifyReceipts(kept, before);
  expect(shown).toContain('as expected');
  for (const part of [run.id, digest!, edge.networkId, '2,001']) expect(shown).toContain(part);
  await expect(verifyReceipts(kept, thumbprint)).rejects.toThrow(`signed by the key ${before}`);
  const [header, payload, signature] = receipt!.split('.') as [string, string, string];
  const changed = [header, payload.replace(/^./, 'f'), signature].join('.');
  await expect(verifyReceipts(changed, before)).rejects.toThrow('does not hold');

  const asDevice = { 'x-device-mac': edge.macAddress };
  const [, again] = await central.call<{ receipt: string }>(
    'POST',
    `/api/collection/runs/${run.id}/commit`,
    {},
    asDevice,
  );
  expect(await verifyReceipts(again.receipt, thumbprint)).toContain(digest!);
});

it('a run is sent by an edge that has died after it read the rows, and counts once', async () => {
  const [edge] = edges as [CollectingEdge];
  const job = await operator.define(schema('restarted'), [edge]);
  edge.restart('http://127.0.0.1:9');
  await expect(edge.collect()).rejects.toThrow('cannot be reached');
  edge.restart(central.url);
  expect((await operator.run(job, [edge])).state).toBe('succeeded');
  await expectEqualRows('restarted', [edge]);
});
