import { ConnectedNetworks } from '../../apps/central/src/collection/agents/connected-networks';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectionOperator, type RunOutcome } from '../support/clients/collection-operator';
import { RowsAgent } from '../support/clients/rows-agent';

const columns = [
  { name: 'name', type: 'text' },
  { name: 'id', type: 'bigint' },
  { name: 'at', type: 'timestamptz' },
];

let central: CentralInProcess;
let operator: CollectionOperator;
let agent: RowsAgent;
let tables = 0;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_COLLECTION_APPLIES: '4' });
  operator = new CollectionOperator(central);
  agent = await RowsAgent.join(central);
});
afterAll(async () => {
  await agent.stop();
  await central.stop();
});
afterEach(async () => {
  await central.database.pool.query(
    'DELETE FROM rivulet.collection_runs; DELETE FROM rivulet.collection_holds',
  );
  agent.agent.received.splice(0);
});

/** Starts a job with one network, which has got it. */
async function begin(schema: object = {}): Promise<{ id: string; runId: string; table: string }> {
  const table = `sent_${++tables}`;
  const sql_command = 'SELECT name, id, at FROM things';
  const job = await operator.define({ name: 'things', sql_command, target_table: table, ...schema }, [agent]);
  await operator.post(`/api/jobs/${job}/run`);
  const { id, data } = await agent.nextJob();
  return { id, runId: data.run_id, table };
}

async function collected(table: string): Promise<unknown[]> {
  const { rows } = await central.database.pool.query<{ row: unknown }>(
    `SELECT ARRAY[id::text, name, at::text] AS row FROM collected.${table} WHERE network_id = $1 ORDER BY id`,
    [agent.networkId],
  );
  return rows.map(({ row }) => row);
}

const outcome = (runId: string): Promise<RunOutcome> => operator.outcome(runId);

it('a job says what to read, and its rows get into the target table once, however often they are sent', async () => {
  const { id, runId, table } = await begin();
  const first = { job: id, part: 1, columns, rows: [['b\t\\', 2, '2026-01-01T01:00:00+01:00']] };
  const last = { job: id, part: 2, last: true, rows: [[null, '1', null]] };
  expect(await agent.sendData(first, 'one')).toMatchObject({ type: 'ACK', data: { of: 'DATA', id: 'one' } });
  expect((await agent.sendData(first, 'one')).data).toMatchObject({ id: 'one', repeated: true });
  expect((await agent.sendData(last, 'two')).data).not.toHaveProperty('repeated');
  expect((await agent.sendData(last, 'two')).data).toMatchObject({ repeated: true });
  expect(await collected(table)).toEqual([
    ['1', null, null],
    ['2', 'b\t\\', '2026-01-01 00:00:00+00'],
  ]);
  const run = await outcome(runId);
  expect(run).toMatchObject({ state: 'succeeded', rows: 2, results: [{ state: 'succeeded', rows: 2 }] });
  expect(run.results[0]!.receipt).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
});

it('types may be left out once the target table has them, and the watermark is the lowest value first', async () => {
  const append = {
    sql_command: 'SELECT name, id, at FROM things WHERE at > ?',
    target_table: 'appended',
  };
  const job = await operator.define({ name: 'appended', overlap: 60, ...append }, [agent]);
  for (const [parameter, at] of [
    ['-infinity', '2026-01-01 10:00:00Z'],
    ['2026-01-01 09:59:00+00', '2026-01-01 11:00:00Z'],
  ]) {
    await operator.post(`/api/jobs/${job}/run`);
    const { id, data } = await agent.nextJob();
    expect(data).toMatchObject({
      ...append,
      parameters: [parameter],
      mode: 'append',
      key: ['id'],
    });
    const named = parameter === '-infinity' ? columns : columns.map(({ name }) => name);
    const answer = await agent.sendData({
      job: id,
      part: 1,
      last: true,
      columns: named,
      rows: [['x', tables++, at]],
    });
    expect(answer.type).toBe('ACK');
  }
  expect(await collected('appended')).toHaveLength(2);
});

it.each<[string, object, string]>([
  ['no job', { rows: [] }, 'AGENT_DATA_REFUSED'],
  [
    'a job that it does not have',
    { job: '01KAJ9V9RW4C7ZK3DYE7V1NB2R.1', part: 1, columns, rows: [] },
    'COLLECTION_RUN_UNKNOWN',
  ],
  ['no number of its part', { part: 0, columns, rows: [] }, 'AGENT_MESSAGE_INVALID'],
  ['no columns', { part: 1, rows: [] }, 'AGENT_MESSAGE_INVALID'],
  ['a row of another width', { part: 1, columns, rows: [['x', 1]] }, 'AGENT_MESSAGE_INVALID'],
  [
    'a number that JSON has changed',
    { part: 1, columns, rows: [['x', 2 ** 60, null]] },
    'AGENT_MESSAGE_INVALID',
  ],
  ['a field that nobody knows', { part: 1, columns, rows: [], sql: 'x' }, 'AGENT_MESSAGE_INVALID'],
  ['its last part alone', { part: 2, last: true, rows: [['x', 1, null]] }, 'COLLECTION_CHUNKS_MISSING'],
])('a message with %s is answered with a code, and the job goes on', async (_, data, code) => {
  const { id, runId } = await begin();
  const answer = await agent.sendData(
    'rows' in data && Object.keys(data).length === 1 ? data : { job: id, ...data },
  );
  expect([answer.type, answer.data['code']]).toEqual(['ERROR', code]);
  expect(await outcome(runId)).toMatchObject({ state: 'running' });
});

it.each<[string, object, string]>([
  [
    'a value that PostgreSQL does not take',
    { columns, rows: [['x', 'one', null]] },
    'COLLECTION_OFFER_INVALID',
  ],
  [
    'a key twice',
    {
      columns,
      rows: [
        ['x', 1, null],
        ['y', 1, null],
      ],
    },
    'DATASET_KEY_NOT_UNIQUE',
  ],
  ['no key', { columns: ['name'], rows: [['x']] }, 'COLLECTION_OFFER_INVALID'],
  ['a column without a type', { columns: ['name', 'id', 'at'], rows: [] }, 'COLLECTION_OFFER_INVALID'],
  [
    'a type that ends the statement',
    { columns: [{ name: 'id', type: 'int); DROP TABLE x; --' }], rows: [] },
    'COLLECTION_OFFER_INVALID',
  ],
  [
    'a type that is not carried',
    {
      columns: [
        { name: 'id', type: 'int' },
        { name: 'x', type: 'regclass' },
      ],
      rows: [],
    },
    'COLLECTION_OFFER_INVALID',
  ],
])('rows with %s fail for this network, by a code, and no row is written', async (_, rows, code) => {
  const { id, runId, table } = await begin();
  const answer = await agent.sendData({ job: id, part: 1, last: true, ...rows });
  expect([answer.type, answer.data['code']]).toEqual(['ERROR', code]);
  expect(await outcome(runId)).toMatchObject({ state: 'failed', results: [{ error: { code } }] });
  const { rows: made } = await central.database.pool.query('SELECT to_regclass($1) AS made', [
    `collected.${table}`,
  ]);
  expect(made).toEqual([{ made: null }]);
});

it('an agent that cannot do a job says so, and the run has its reason', async () => {
  const { id, runId } = await begin();
  agent.agent.send({
    type: 'ERROR',
    data: { of: 'JOB', id, code: 'COLLECTION_NOT_ALLOWED', message: 'There is no table things.' },
  });
  agent.agent.send({ type: 'HEARTBEAT', id: 'after' });
  await agent.agent.next();
  const error = { code: 'COLLECTION_NOT_ALLOWED', message: 'There is no table things.' };
  expect(await outcome(runId)).toMatchObject({ state: 'failed', results: [{ error }] });
});

it('a task that was given out again takes nothing of the attempt before, and an ID stands for one message', async () => {
  const { id, runId } = await begin();
  const part = { job: id, part: 1, columns, rows: [['old', 1, null]] };
  await agent.sendData(part, 'reused');
  await central.database.pool.query('UPDATE rivulet.collection_tasks SET lease_until = now()');
  const again = await agent.nextJob();
  expect(again.id).toBe(`${runId}.2`);
  expect(
    (await agent.sendData({ ...part, part: 2, last: true, columns: undefined }, 'late')).data,
  ).toMatchObject({
    code: 'COLLECTION_RUN_OVER',
  });
  const whole = { ...part, job: again.id, last: true, rows: [['new', 1, null]] };
  expect((await agent.sendData(whole, 'reused')).data).toMatchObject({ code: 'AGENT_MESSAGE_INVALID' });
  expect((await agent.sendData(whole)).type).toBe('ACK');
  expect(await outcome(runId)).toMatchObject({ state: 'succeeded', rows: 1 });
});

it('an agent over WebSocket that is connected to another central gets its job there', async () => {
  const second = await CentralInProcess.join(central);
  const other = await RowsAgent.join(second, 'websocket');
  try {
    await other.database.pool.query('CREATE TABLE things AS SELECT 1::bigint AS id, now() AS at');
    const schema = { name: 'elsewhere', sql_command: 'SELECT * FROM things', target_table: 'elsewhere' };
    const job = await operator.define(schema, [other]);
    // The first central starts the run, and is not the one that the agent talks with.
    const run = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
    await central.get(ConnectedNetworks).look();
    await other.collect();
    expect(await outcome(run.id)).toMatchObject({ state: 'succeeded', rows: 1 });
  } finally {
    await other.stop();
    await second.stop();
  }
});
