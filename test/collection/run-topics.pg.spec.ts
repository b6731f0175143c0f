import { RunAnnouncer } from '../../apps/central/src/collection/runs/run-announcer';
import { CollectingEdge } from '../support/apps/collecting-edge';
import { CollectionOperator } from '../support/clients/collection-operator';
import { ADMIN_PASSWORD } from '../support/clients/operator';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { realtimeToken } from '../support/clients/realtime-tokens';
import type { SyncSocket } from '../support/clients/sync-socket';

const rules = `
version: 1
topics:
  - { topic: '>', subscribe: any, publish: any, history: { size: 10, age: 1h } }
`;

let realtime: RealtimeCentral;
let operator: CollectionOperator;
let edge: CollectingEdge;

beforeAll(async () => {
  realtime = await RealtimeCentral.start(rules, { CENTRAL_DEVICE_AUTH: 'mac' });
  operator = new CollectionOperator(realtime.central);
  edge = await CollectingEdge.join(realtime.central, { allow: ['readings'] });
  await edge.database.pool.query('CREATE TABLE readings AS SELECT n AS id FROM generate_series(1, 300) AS n');
});
afterEach(() => realtime.closeSockets());
afterAll(async () => {
  await edge.stop();
  await realtime.stop();
});

async function operatorSocket(): Promise<SyncSocket> {
  const login = { username: 'admin', password: ADMIN_PASSWORD };
  const [, { token }] = await realtime.central.call<{ token: string }>('POST', '/api/login', login);
  const socket = await realtime.connect(`/ws/sync?token=${token}`);
  await socket.until(() => socket.of('subscribe').length === 2);
  return socket;
}

it('an operator follows a run by its topic, and one that comes late sees how it ended', async () => {
  const schema = { name: 'r', sql_command: 'SELECT * FROM readings', target_table: 'followed' };
  const job = await operator.define(schema, [edge]);
  const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
  const topic = `runs.${id}`;
  const socket = await operatorSocket();
  socket.send({ type: 'subscribe', topic });
  await socket.next('subscribe', 3);
  const announcer = realtime.central.get(RunAnnouncer);
  await announcer.announce();
  expect((await socket.next('data'))['data']).toMatchObject({
    run_id: id,
    state: 'running',
    networks: { waiting: 1 },
  });
  await edge.collect();
  await announcer.announce();
  await socket.until(() =>
    socket.of('data').some(({ data }) => (data as { state: string }).state === 'succeeded'),
  );
  expect(socket.of('data').at(-1)).toMatchObject({
    topic,
    data: { run_id: id, state: 'succeeded', rows: 300, networks: { succeeded: 1 } },
  });
  const told = socket.of('data').length;
  await announcer.announce();
  expect(socket.of('data')).toHaveLength(told);

  const late = await operatorSocket();
  late.send({ type: 'subscribe', topic: 'runs.*', positions: {} });
  expect(await late.next('subscribe', 3)).toMatchObject({
    positions: { [topic]: expect.any(Number) as number },
  });
});

it.each(['runs.01KAJ9V9RW4C7ZK3DYE7V1NB1R', 'runs.*', '*.*', '>'])(
  'users of applications get nothing of runs by %s, whatever their claims say',
  async (topic) => {
    for (const claims of [{}, { kind: 'operator', role: 'admin' }]) {
      const socket = await realtime.connectAs('user1', claims);
      socket.send({ type: 'subscribe', topic });
      expect(await socket.next('error')).toMatchObject({ code: 'TOPIC_FORBIDDEN', topic });
    }
    const token = await realtimeToken('user1', { role: 'admin' });
    const [status] = await realtime.central.call('GET', `/api/sync/events?topic=${topic}&token=${token}`);
    expect(status).toBe(403);
  },
);

it('operators have what the file gives all, with the runs', async () => {
  const socket = await operatorSocket();
  for (const topic of ['>', 'runs.*']) socket.send({ type: 'subscribe', topic });
  await socket.next('subscribe', 4);
  expect(socket.of('error')).toEqual([]);
});

it('nobody publishes to runs', async () => {
  const topic = 'runs.01KAJ9V9RW4C7ZK3DYE7V1NB1R';
  expect(await realtime.publish({ topic, data: 1 })).toMatchObject([403, { code: 'TOPIC_FORBIDDEN' }]);
  for (const socket of [await operatorSocket(), await realtime.connectAs('user1')]) {
    socket.send({ type: 'sync', topic, data: 1 });
    expect(await socket.next('error')).toMatchObject({ code: 'TOPIC_FORBIDDEN' });
  }
});
