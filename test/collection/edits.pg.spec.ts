import { hash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodeBlock,
  encodeFrameHeader,
  FRAMES_CONTENT_TYPE,
  schemaFingerprint,
  tableChecksum,
} from '@rivulet/protocol';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator } from '../support/clients/collection-operator';
import { seededRandom } from '../support/attacks/odd-inputs';

const ROWS = 20_000;

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
    CREATE TABLE things (id bigint PRIMARY KEY, name text, at timestamptz);
    INSERT INTO things SELECT n, md5(n::text), timestamptz '2026-01-01' + n * interval '1 s'
    FROM generate_series(1, ${ROWS}) AS n`),
);

/** A mirror whose rows are at central. @returns its job and table */
async function mirrored(): Promise<[job: string, table: string]> {
  const table = `things_${++tables}`;
  const job = await operator.define(
    { name: table, sql_command: 'SELECT * FROM things', target_table: table },
    [edge],
  );
  await operator.run(job, [edge]);
  return [job, table];
}

const change = (statement: string): Promise<unknown> => edge.database.pool.query(statement);

async function expectEqualRows(table: string): Promise<void> {
  const rowsOf = async (pool: typeof edge.database.pool, from: string): Promise<string[]> => {
    const { rows } = await pool.query<{ row: string }>(
      `SELECT (id, name, at)::text AS row FROM ${from} ORDER BY id`,
    );
    return rows.map(({ row }) => row);
  };
  expect(await rowsOf(central.database.pool, `collected.${table}`)).toEqual(
    await rowsOf(edge.database.pool, 'things'),
  );
}

/** What central has counted of chunks, by where they came from. */
async function chunksFrom(source: string): Promise<number> {
  const metrics = await central.text('/metrics');
  const line = new RegExp(`collection_chunks_total\\{source="${source}"\\} (\\d+)`).exec(metrics);
  return Number(line?.[1] ?? 0);
}

it('a changed row of a mirror costs about its own bytes', async () => {
  const [job, table] = await mirrored();
  await change(`UPDATE things SET name = 'x' || id WHERE id % 2000 = 7`);
  const run = await operator.run(job, [edge]);
  expect(run).toMatchObject({ state: 'succeeded', rows: ROWS });
  expect(run.sent_bytes).toBeLessThan(1_000);
  await expectEqualRows(table);
});

it('random changes, with bounds of chunks that come and go, arrive as edits', async () => {
  const [job, table] = await mirrored();
  const random = seededRandom(7);
  const before = await chunksFrom('rebuilt');
  for (let round = 0; round < 3; round++) {
    const from = Math.floor(random() * ROWS);
    await change(`DELETE FROM things WHERE id BETWEEN ${from} AND ${from + 900}`);
    await change(`UPDATE things SET id = id + ${ROWS} * 2 WHERE id % 900 = ${round}`);
    await change(`INSERT INTO things SELECT n, 'new', now() FROM generate_series(-${round * 700 + 700}, -${round * 700}) AS n
      ON CONFLICT DO NOTHING`);
    expect((await operator.run(job, [edge])).state).toBe('succeeded');
    await expectEqualRows(table);
  }
  expect(await chunksFrom('rebuilt')).toBeGreaterThan(before);
});

it('whole chunks are sent where rows of the target were changed by hand, and where the device has lost what it had sent', async () => {
  const [job, table] = await mirrored();
  await central.database.pool.query(`UPDATE collected.${table} SET name = 'by hand' WHERE id = 500`);
  await change(`UPDATE things SET name = 'x' WHERE id IN (501, 15000)`);
  const misfits = await chunksFrom('misfit');
  expect((await operator.run(job, [edge])).state).toBe('succeeded');
  await expectEqualRows(table);
  expect(await chunksFrom('misfit')).toBeGreaterThan(misfits);

  for (const name of readdirSync(edge.spool)) if (name.endsWith('.frames')) rmSync(join(edge.spool, name));
  await change(`UPDATE things SET name = 'y' WHERE id = 501`);
  expect(await operator.run(job, [edge])).toMatchObject({ state: 'succeeded' });
  await expectEqualRows(table);
});

it('a table whose columns change, and one that was made again, begin from whole chunks', async () => {
  const [job, table] = await mirrored();
  await change('ALTER TABLE things ADD COLUMN more int; UPDATE things SET more = 1 WHERE id = 3');
  expect((await operator.run(job, [edge])).state).toBe('succeeded');
  await central.database.pool.query(`ALTER TABLE collected.${table} RENAME TO ${table}_old`);
  await change('UPDATE things SET more = 2 WHERE id = 4');
  expect((await operator.run(job, [edge])).state).toBe('succeeded');
  await expectEqualRows(table);
});

async function post(path: string, body: object | Buffer): Promise<[number, Record<string, unknown>]> {
  const isFrames = Buffer.isBuffer(body);
  const response = await fetch(`${central.url}/api/collection/${path}`, {
    method: 'POST',
    headers: {
      'x-device-mac': edge.macAddress,
      'content-type': isFrames ? FRAMES_CONTENT_TYPE : 'application/json',
    },
    body: isFrames ? new Uint8Array(body) : JSON.stringify(body),
  });
  return [response.status, (await response.json()) as Record<string, unknown>];
}

function editsFrame(content: Buffer): Buffer {
  const { encoding, block } = encodeBlock(content);
  const digest = hash('sha256', content, 'buffer');
  const size = { rows: 0, contentBytes: content.length, blockBytes: block.length };
  return Buffer.concat([
    encodeFrameHeader({ kind: 'patch', table: 0, number: 0, digest, encoding, ...size }),
    block,
  ]);
}

describe('a network that lies', () => {
  const columns = [
    { name: 'id', type: 'bigint' },
    { name: 'name', type: 'text' },
    { name: 'at', type: 'timestamp with time zone' },
  ];

  /** A task whose first chunk is to become another one. */
  async function taken(): Promise<{ runId: string; base: string; offer: object }> {
    const [job, name] = await mirrored();
    await operator.post(`/api/jobs/${job}/run`);
    const [, { tasks }] = await post('tasks', {});
    const [{ runId, base }] = tasks as [{ runId: string; base: string }];
    const fingerprint = schemaFingerprint({ name, columns, key: ['id'] });
    const one = hash('sha256', 'wanted', 'hex');
    const offer = { columns, rows: 1, bytes: 6, checksum: tableChecksum(fingerprint, [one]) };
    return { runId, base, offer: { ...offer, digests: Buffer.from(one, 'hex').toString('base64') } };
  }

  it('gets nothing of rows stored by edits that do not make its chunk, and pays for them', async () => {
    const { runId, offer } = await taken();
    expect(await post(`runs/${runId}/offer`, offer)).toMatchObject([
      200,
      { missing: '0-0', missingChunks: 1 },
    ]);
    const usage = 'SELECT bytes::int AS bytes FROM rivulet.collection_usage';
    const before = await central.database.pool.query<{ bytes: number }>(usage);
    for (const content of [
      '0 0 1 0\n',
      '0 0 1 1\n0 5 0\n',
      '0 0 1 1\n100000 0 0\n',
      '0 1 9999 0\n',
      '7 0 1 0\n',
    ])
      expect(await post(`runs/${runId}/chunks`, editsFrame(Buffer.from(content)))).toEqual([
        200,
        { stored: 0 },
      ]);
    const after = await central.database.pool.query<{ bytes: number }>(usage);
    expect(after.rows[0]!.bytes - before.rows[0]!.bytes).toBeGreaterThan(5_000);
    expect(await post(`runs/${runId}/commit`, {})).toMatchObject([
      409,
      { code: 'COLLECTION_CHUNKS_MISSING' },
    ]);
  });

  it('cannot have a receipt for more rows than there are', async () => {
    const { runId, base, offer } = await taken();
    const unchanged = { ...offer, base, spans: '', digests: '', checksum: base, rows: 10 ** 15, bytes: 6 };
    expect(await post(`runs/${runId}/offer`, unchanged)).toMatchObject([200, { missing: '' }]);
    expect(await post(`runs/${runId}/commit`, {})).toMatchObject([422, { code: 'COLLECTION_OFFER_INVALID' }]);
  });

  it.each([
    [
      'of other rows',
      (base: string) => ({ base: base.replace(/./g, '0'), spans: '' }),
      409,
      'COLLECTION_BASE_CHANGED',
    ],
    [
      'with spans outside of them',
      (base: string) => ({ base, spans: '999:1:1' }),
      422,
      'COLLECTION_OFFER_INVALID',
    ],
    [
      'with more chunks than digests',
      (base: string) => ({ base, spans: '0:1:9' }),
      422,
      'COLLECTION_OFFER_INVALID',
    ],
    ['with another checksum', (base: string) => ({ base, spans: '0:1:1' }), 422, 'COLLECTION_OFFER_INVALID'],
    ['without spans', (base: string) => ({ base }), 400, 'REQUEST_INVALID'],
  ])('is refused an offer %s', async (_, more, status, code) => {
    const { runId, base, offer } = await taken();
    expect(await post(`runs/${runId}/offer`, { ...offer, ...more(base) })).toMatchObject([status, { code }]);
  });
});
