import { RunScheduler } from '../../apps/central/src/collection/runs/run-scheduler';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator } from '../support/clients/collection-operator';
import { asAdmin } from '../support/clients/operator';

let central: CentralInProcess;
let operator: CollectionOperator;
let edge: CollectingEdge;
let tables = 0;

beforeAll(async () => {
  central = await CentralInProcess.start({
    CENTRAL_DEVICE_AUTH: 'mac',
    CENTRAL_COLLECTION_ROWS_A_DAY: '1000',
  });
  operator = new CollectionOperator(central);
  edge = await CollectingEdge.join(central, { allow: ['readings'] });
  await edge.database.pool.query('CREATE TABLE readings AS SELECT n AS id FROM generate_series(1, 600) AS n');
});
afterAll(async () => {
  await edge.stop();
  await central.stop();
});
afterEach(() =>
  central.database.pool.query('DELETE FROM rivulet.collection_runs; DELETE FROM rivulet.collection_usage'),
);

const newSchema = (more: object = {}): object => ({
  name: 'readings',
  sql_command: 'SELECT * FROM readings',
  target_table: `readings_${++tables}`,
  mode: 'snapshot',
  ...more,
});

const asDevice = (path: string, body: object = {}, macAddress = edge.macAddress): Promise<Response> =>
  fetch(`${central.url}/api/collection/${path}`, {
    method: 'POST',
    headers: { 'x-device-mac': macAddress, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function count(table: string): Promise<number> {
  const { rows } = await central.database.pool.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM collected.${table}`,
  );
  return rows[0]!.n;
}

it('a network that has used up its quota is told when to come back, and goes on the next day', async () => {
  const job = await operator.define(newSchema(), [edge]);
  const table = `readings_${tables}`;
  await operator.run(job, [edge]);
  // What is under way when it is used up is taken; the next task is not given.
  expect(await operator.run(job, [edge])).toMatchObject({ state: 'succeeded', rows: 600 });
  expect(await count(table)).toBe(1_200);
  const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
  const refused = await asDevice('tasks');
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(86_400);
  expect(await refused.json()).toMatchObject({ code: 'COLLECTION_QUOTA_EXCEEDED' });
  await expect(edge.collect()).rejects.toMatchObject({ code: 'COLLECTION_QUOTA_EXCEEDED' });
  // The next day.
  await central.database.pool.query('UPDATE rivulet.collection_usage SET day = day - 1');
  await edge.collect();
  expect(await operator.outcome(id)).toMatchObject({ state: 'succeeded', rows: 600 });
});

it('a network that falls silent gets its task again when the lease has ended, and is given up the fifth time', async () => {
  const job = await operator.define(newSchema(), [edge]);
  const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
  for (let attempt = 1; attempt <= 5; attempt++) {
    expect(await (await asDevice('tasks')).json()).toMatchObject({ tasks: [{ runId: id }] });
    // Leased: nobody else gets it, this network neither.
    expect(await (await asDevice('tasks')).json()).toMatchObject({ tasks: [] });
    await central.database.pool.query('UPDATE rivulet.collection_tasks SET lease_until = clock_timestamp()');
  }
  await central.get(RunScheduler).look();
  expect(await operator.outcome(id)).toMatchObject({
    state: 'failed',
    results: [{ error: { code: 'COLLECTION_NETWORK_SILENT' } }],
  });
});

it('a network that does not deliver by the deadline has failed, and its late rows are not wanted', async () => {
  const job = await operator.define(newSchema(), [edge]);
  const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
  expect((await asDevice('tasks')).status).toBe(200);
  await central.database.pool.query('UPDATE rivulet.collection_runs SET deadline_at = clock_timestamp()');
  await central.get(RunScheduler).look();
  expect(await operator.outcome(id)).toMatchObject({
    state: 'failed',
    results: [{ error: { code: 'COLLECTION_DEADLINE' } }],
  });
  expect((await asDevice(`runs/${id}/commit`)).status).toBe(410);
});

it.each<[string, string[], number]>([
  ['skip', ['running'], 1],
  ['queue', ['queued', 'running'], 0],
])(
  'with overlap %s a run whose time comes too early is left out, or waits',
  async (overlap, states, skipped) => {
    const job = await operator.define(newSchema(), [edge], { cron: '0 0 1 1 *', overlap });
    for (const days of [2, 1]) {
      await central.database.pool.query(
        `UPDATE rivulet.collection_jobs SET next_slot_at = now() - $2 * interval '1 day', next_run_at = now() WHERE job_id = $1`,
        [job, days],
      );
      await central.get(RunScheduler).look();
    }
    const [, { runs }] = await central.call<{ runs: { id: string; state: string }[] }>(
      'GET',
      `/api/jobs/${job}/runs`,
      undefined,
      asAdmin,
    );
    expect(runs.map(({ state }) => state)).toEqual(states);
    expect((await central.call('GET', `/api/jobs/${job}`))[1]).toMatchObject({ skipped_runs: skipped });
    await central.call('POST', `/api/runs/${runs.at(-1)!.id}/cancel`);
    const [, after] = await central.call<{ runs: { state: string }[] }>('GET', `/api/jobs/${job}/runs`);
    expect(after.runs[0]!.state).toBe(overlap === 'skip' ? 'cancelled' : 'running');
    await central.call('DELETE', `/api/jobs/${job}`);
  },
);

describe('many networks in one run', () => {
  const macAddresses = Array.from({ length: 12 }, (_, index) => `02:00:00:00:66:${index + 10}`);
  let networks: { networkId: string }[];

  beforeAll(async () => {
    networks = await Promise.all(
      macAddresses.map(async (macAddress) => {
        const device = { name: macAddress, kind: 'edge', macAddress };
        return {
          networkId: (await operator.post<{ deviceId: string }>('/api/devices', device)).deviceId,
        };
      }),
    );
  });

  /** @returns the places in `macAddresses` of those that were given a task */
  async function allAsk(): Promise<number[]> {
    const given = await Promise.all(
      macAddresses.map(async (macAddress, index) => {
        const { tasks } = (await (await asDevice('tasks', {}, macAddress)).json()) as { tasks: unknown[] };
        return tasks.length > 0 ? [index] : [];
      }),
    );
    return given.flat();
  }

  const cannot = async (runId: string, index: number): Promise<void> => {
    const failure = { code: 'COLLECTION_QUERY_FAILED', message: 'no' };
    expect((await asDevice(`runs/${runId}/failure`, failure, macAddresses[index])).status).toBe(204);
  };

  it('ask at once and are given its places, no more, until all of them are done', async () => {
    const job = await operator.define(newSchema(), networks, { max_parallel: 3 });
    const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
    const done = new Set<number>();
    while (done.size < networks.length) {
      const given = await allAsk();
      expect(given).toHaveLength(3);
      expect(await allAsk()).toEqual([]);
      for (const index of given) expect(done.has(index)).toBe(false);
      await Promise.all(given.map((index) => cannot(id, index)));
      for (const index of given) done.add(index);
    }
    expect(await operator.outcome(id)).toMatchObject({ state: 'failed', networks: { failed: 12 } });
  });

  it('do not wait for the row of the run, which others hold', async () => {
    const job = await operator.define(newSchema(), [...networks.slice(0, 2), edge], { max_parallel: 3 });
    const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
    const holder = await central.database.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM rivulet.collection_runs WHERE run_id = $1 FOR UPDATE', [id]);
      await edge.collect();
      expect(await allAsk()).toEqual([0, 1]);
      await cannot(id, 0);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
    await cannot(id, 1);
    expect(await operator.outcome(id)).toMatchObject({ state: 'partial', rows: 600 });
  });

  it('are a run that is over also where central died before it said so, and the next one begins', async () => {
    const job = await operator.define(newSchema(), [edge]);
    const first = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
    const second = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
    expect((await operator.outcome(second.id)).state).toBe('queued');
    await central.database.pool.query(
      `UPDATE rivulet.collection_tasks SET state = 'succeeded', rows = 7 WHERE run_id = $1`,
      [first.id],
    );
    await central.get(RunScheduler).look();
    expect(await operator.outcome(first.id)).toMatchObject({ state: 'succeeded', rows: 7 });
    expect((await operator.outcome(second.id)).state).toBe('running');
  });
});
