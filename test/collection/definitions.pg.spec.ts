import { RunScheduler } from '../../apps/central/src/collection/runs/run-scheduler';
import { CentralInProcess } from '../support/apps/central-in-process';
import { asAdmin } from '../support/clients/operator';
import { DEMO_MAC } from '../support/apps/sync-pair';

type Body = Record<string, unknown>;

const someUlid = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const newSchema = {
  name: 'User Data Sync',
  sql_command: 'SELECT * FROM users WHERE updated_at > ?',
  target_table: 'sync_users',
};

let central: CentralInProcess;
let tables = 0;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac', CENTRAL_COLLECTION_APPLIES: '4' });
});
afterAll(() => central.stop());

const call = <T = Body>(method: string, path: string, body?: object): Promise<[number, T]> =>
  central.call<T>(method, path, body, asAdmin);

async function createSchema(more: Body = {}): Promise<string> {
  const [status, schema] = await call('POST', '/api/schemas', {
    ...newSchema,
    target_table: `target_${++tables}`,
    ...more,
  });
  expect(status).toBe(201);
  return schema['id'] as string;
}

async function createNetwork(labels: Record<string, string> = {}): Promise<string> {
  const [, network] = await call('POST', '/api/networks', { name: 'tenant', labels });
  return network['id'] as string;
}

async function createJob(more: Body): Promise<string> {
  const [status, job] = await call('POST', '/api/jobs', {
    name: 'j',
    schema_id: await createSchema(),
    ...more,
  });
  expect(status).toBe(201);
  return job['id'] as string;
}

describe('schemas', () => {
  it('have what they leave out filled in', async () => {
    const [status, schema] = await call('POST', '/api/schemas', newSchema);
    expect([status, schema]).toEqual([
      201,
      expect.objectContaining({
        ...newSchema,
        mode: 'append',
        key: ['id'],
        watermark_column: 'updated_at',
        overlap: 300,
      }),
    ]);
    const id = schema['id'] as string;
    const changed = { ...newSchema, sql_command: 'SELECT * FROM users', key: ['email'] };
    const [, replaced] = await call('PUT', `/api/schemas/${id}`, changed);
    expect(replaced).toMatchObject({ ...changed, mode: 'mirror', watermark_column: null });
    expect((await call('GET', '/api/schemas'))[1]).toContainEqual(replaced);
    expect((await call('DELETE', `/api/schemas/${id}`))[0]).toBe(204);
    expect(await call('GET', `/api/schemas/${id}`)).toMatchObject([
      404,
      { code: 'COLLECTION_SCHEMA_UNKNOWN' },
    ]);
  });

  it.each<[string, Body]>([
    ['two statements', { sql_command: 'SELECT 1 AS id; DROP TABLE users' }],
    ['a named parameter', { sql_command: 'SELECT * FROM users WHERE id = :id' }],
    ['a watermark that is not said', { sql_command: 'SELECT * FROM users WHERE ? < updated_at' }],
    ['a parameter without a watermark', { mode: 'mirror' }],
    ['a key of the columns of central', { key: ['run_id'] }],
    ['a table that is no name', { target_table: 'a; DROP TABLE b' }],
    ['a field that nobody knows', { sql: 'SELECT 1' }],
  ])('with %s are refused', async (_, more) => {
    const [status, problem] = await call('POST', '/api/schemas', { ...newSchema, ...more });
    expect([status, problem['code']]).toEqual([400, 'REQUEST_INVALID']);
  });

  it('have a table of their own, and stay while jobs use them', async () => {
    const id = await createSchema({ target_table: 'taken' });
    const again = await call('POST', '/api/schemas', { ...newSchema, target_table: 'taken' });
    expect(again).toMatchObject([409, { code: 'COLLECTION_TARGET_TAKEN' }]);
    await call('POST', '/api/jobs', { name: 'j', schema_id: id, network_id: someUlid });
    expect(await call('DELETE', `/api/schemas/${id}`)).toMatchObject([
      409,
      { code: 'COLLECTION_SCHEMA_IN_USE' },
    ]);
  });
});

describe('jobs', () => {
  it('are created, changed and deleted', async () => {
    const schemaId = await createSchema();
    const job = {
      name: 'nightly',
      schema_id: schemaId,
      labels: { site: 'X' },
      cron: '0 2 * * *',
      time_zone: 'Europe/Berlin',
    };
    const [status, created] = await call('POST', '/api/jobs', job);
    expect([status, created]).toMatchObject([
      201,
      { ...job, overlap: 'skip', misfire: 'run_once', enabled: true, held: [] },
    ]);
    expect(new Date(created['next_run_at'] as string).getUTCMinutes()).toBe(0);
    const [, changed] = await call('PUT', `/api/jobs/${created['id'] as string}`, { ...job, enabled: false });
    expect(changed).toMatchObject({ enabled: false, next_run_at: null });
    expect((await call('DELETE', `/api/jobs/${created['id'] as string}`))[0]).toBe(204);
    expect((await call('GET', `/api/jobs/${created['id'] as string}`))[0]).toBe(404);
  });

  it.each<[string, Body]>([
    ['no network', {}],
    ['networks said twice', { network_id: someUlid, labels: {} }],
    ['a text that is no schedule', { network_id: someUlid, cron: 'often' }],
    ['a day that never comes', { network_id: someUlid, cron: '0 0 30 2 *' }],
    ['a zone that nobody knows', { network_id: someUlid, cron: '* * * * *', time_zone: 'Mars/Base' }],
  ])('with %s are refused', async (_, more) => {
    const [status, problem] = await call('POST', '/api/jobs', {
      name: 'j',
      schema_id: await createSchema(),
      ...more,
    });
    expect([status, problem['code']]).toEqual([400, 'REQUEST_INVALID']);
  });

  it('of an unknown schema, or without an active network, do not run', async () => {
    const job = { name: 'j', schema_id: someUlid, network_id: someUlid };
    expect(await call('POST', '/api/jobs', job)).toMatchObject([404, { code: 'COLLECTION_SCHEMA_UNKNOWN' }]);
    const [, created] = await call('POST', '/api/jobs', { ...job, schema_id: await createSchema() });
    const answer = await call('POST', `/api/jobs/${created['id'] as string}/run`);
    expect(answer).toMatchObject([409, { code: 'COLLECTION_JOB_EMPTY' }]);
  });
});

describe('runs', () => {
  it('of one job follow each other, are cancelled, and are listed by page', async () => {
    const jobId = await createJob({ network_id: await createNetwork() });
    const runs: Body[] = [];
    for (let count = 0; count < 3; count++) runs.push((await call('POST', `/api/jobs/${jobId}/run`))[1]);
    expect(runs.map(({ state }) => state)).toEqual(['running', 'queued', 'queued']);
    const [, cancelled] = await call('POST', `/api/runs/${runs[0]!['id'] as string}/cancel`);
    expect(cancelled).toMatchObject({ state: 'cancelled', networks: { waiting: 0, cancelled: 1 } });
    const [, page] = await call<{ runs: Body[]; cursor: string }>('GET', `/api/jobs/${jobId}/runs?limit=2`);
    expect(page.runs.map(({ id, state }) => [id, state])).toEqual([
      [runs[2]!['id'], 'queued'],
      [runs[1]!['id'], 'running'],
    ]);
    const [, rest] = await call<{ runs: Body[] }>(
      'GET',
      `/api/jobs/${jobId}/runs?limit=2&cursor=${page.cursor}`,
    );
    expect(rest).toEqual({ runs: [cancelled] });
  });

  it('go to networks with the labels, at most so many at once', async () => {
    const networks = await Promise.all([1, 2, 3].map(() => createNetwork({ site: 'labelled' })));
    const jobId = await createJob({ labels: { site: 'labelled' }, max_parallel: 2 });
    const [, run] = await call('POST', `/api/jobs/${jobId}/run`);
    expect(run['networks']).toMatchObject({ waiting: networks.length });
  });

  it('are given to the device that asks, which says that it cannot, and is retried', async () => {
    await call('POST', '/api/devices', { name: 'edge', kind: 'edge', macAddress: DEMO_MAC });
    const [, { devices }] = await call<{ devices: { deviceId: string }[] }>(
      'GET',
      `/api/devices?macAddress=${DEMO_MAC}`,
    );
    const jobId = await createJob({ network_id: devices[0]!.deviceId });
    const [, run] = await call('POST', `/api/jobs/${jobId}/run`);
    const asDevice = (path: string, body: object = {}): Promise<[number, Body]> =>
      central.call('POST', `/api/collection/${path}`, body, { 'x-device-mac': DEMO_MAC });

    const [status, answer] = await asDevice('tasks');
    expect([status, answer]).toMatchObject([
      200,
      {
        tasks: [
          {
            runId: run['id'],
            query: newSchema.sql_command,
            watermark: [{ column: 'updated_at', overlap: 300 }],
          },
        ],
      },
    ]);
    expect((await asDevice('tasks'))[1]).toMatchObject({ tasks: [] });
    const failure = { code: 'COLLECTION_NOT_ALLOWED', message: 'It reads public.users.' };
    expect((await asDevice(`runs/${run['id'] as string}/failure`, failure))[0]).toBe(204);
    expect((await asDevice(`runs/${run['id'] as string}/progress`, { rows: 1, bytes: 1 }))[0]).toBe(410);
    const [, detail] = await call('GET', `/api/runs/${run['id'] as string}`);
    expect(detail).toMatchObject({
      state: 'failed',
      results: [{ state: 'failed', error: { code: failure.code, message: failure.message } }],
    });
    const [, retried] = await call('POST', `/api/runs/${run['id'] as string}/retry`);
    expect(retried).toMatchObject({ cause: 'retry', state: 'running', networks: { waiting: 1 } });
    const events = await fetch(`${central.url}/api/runs/${run['id'] as string}/events`, { headers: asAdmin });
    expect(await events.text()).toContain('"state":"failed"');
  });

  it('begin once at their time, whichever central looks, and missed ones are made up for once or not at all', async () => {
    const second = await CentralInProcess.join(central);
    try {
      const network_id = await createNetwork();
      const kept = await createJob({ network_id, cron: '0 0 1 1 *' });
      const left = await createJob({ network_id, cron: '0 0 1 1 *', misfire: 'skip' });
      await central.database.pool.query(
        `UPDATE rivulet.collection_jobs SET next_slot_at = now() - interval '3 days', next_run_at = now() - interval '3 days'
         WHERE job_id = ANY ($1)`,
        [[kept, left]],
      );
      await Promise.all([central, second].map((one) => one.get(RunScheduler).look()));
      expect((await call('GET', `/api/jobs/${left}`))[1]).toMatchObject({ skipped_runs: 1 });
      expect((await call<{ runs: Body[] }>('GET', `/api/jobs/${kept}/runs`))[1].runs).toMatchObject([
        { cause: 'schedule' },
      ]);
      expect((await call<{ runs: Body[] }>('GET', `/api/jobs/${left}/runs`))[1].runs).toEqual([]);
    } finally {
      await second.stop();
    }
  });
});

it('what changes schemas, jobs and runs is in the audit log, with what was before', async () => {
  const network_id = await createNetwork();
  const schema = await createSchema();
  await call('PUT', `/api/schemas/${schema}`, { ...newSchema, target_table: 'audited' });
  const job = await createJob({ network_id });
  await call('PUT', `/api/jobs/${job}`, { name: 'other', schema_id: schema, network_id });
  const [, run] = await call('POST', `/api/jobs/${job}/run`);
  await call('POST', `/api/runs/${run['id'] as string}/cancel`);
  expect((await call('POST', `/api/runs/${run['id'] as string}/retry`))[0]).toBe(409);
  await call('DELETE', `/api/jobs/${job}`);
  await call('DELETE', `/api/schemas/${schema}`);
  const of = async (id: string): Promise<Body[]> =>
    (await call<{ entries: Body[] }>('GET', `/api/audit?targetId=${id}`))[1].entries;
  const actions = async (id: string): Promise<unknown[]> => (await of(id)).map(({ action }) => action);
  expect(await actions(schema)).toEqual(['schema.remove', 'schema.change', 'schema.create']);
  expect(await actions(job)).toEqual(['job.remove', 'job.run', 'job.change', 'job.create']);
  expect(await actions(run['id'] as string)).toEqual(['run.cancel']);
  expect((await of(job)).slice(1, 3)).toMatchObject([
    { actorName: 'admin', after: { runId: run['id'] } },
    { before: { name: 'j' }, after: { name: 'other' } },
  ]);
});
