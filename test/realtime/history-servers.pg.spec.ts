import { setTimeout as delay } from 'node:timers/promises';
import { isInstalled, startNats, startRedis, type BusServer } from '@rivulet/testing';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { realtimeToken } from '../support/clients/realtime-tokens';

const rules = `
version: 1
topics: [{ topic: updates, subscribe: any, publish: any, history: { size: 10, age: 1h } }]
`;

interface Health {
  details: { realtime: { status: string; error?: string; problem?: string } };
}

let realtime: RealtimeCentral;
let server: BusServer;

afterEach(async () => {
  await realtime.closeSockets();
  await realtime.stop();
  await server.stop();
});

const health = async (): Promise<string> =>
  JSON.stringify((await realtime.central.call<Health>('GET', '/health'))[1].details.realtime);

const describeNats = isInstalled('nats-server', 'topics over NATS') ? describe : describe.skip;
const describeRedis = isInstalled('redis-server', 'topics over Redis') ? describe : describe.skip;

describeNats('NATS without JetStream', () => {
  it('refuses publications and subscriptions, and says what to do', async () => {
    server = await startNats({ isStoring: false });
    realtime = await RealtimeCentral.start(rules, { CENTRAL_BUS_URL: server.url });
    const [status, problem] = await realtime.publish({ topic: 'updates', data: 1 });
    expect([status, problem['code'], problem['nextStep']]).toEqual([
      503,
      'REALTIME_HISTORY_UNUSABLE',
      expect.stringContaining('CENTRAL_REALTIME_HISTORY=postgres'),
    ]);
    const token = await realtimeToken('user1');
    const socket = await realtime.connect(`/ws/sync?subscribe=explicit&token=${token}`);
    socket.send({ type: 'subscribe', topic: 'updates', id: 's' });
    expect(await socket.next('error')).toMatchObject({
      id: 's',
      code: 'REALTIME_HISTORY_UNUSABLE',
      retry_after_ms: 2_000,
    });
    expect(await health()).toContain('JetStream is not enabled');
  });
});

describeRedis('Redis that is away', () => {
  it('refuses publications, stores none of a batch, and goes on when it is back', async () => {
    server = await startRedis();
    realtime = await RealtimeCentral.start(rules, { CENTRAL_BUS_URL: server.url });
    const socket = await realtime.connectAs('user1');
    socket.send({ type: 'subscribe', topic: 'updates' });
    await socket.until(() => socket.of('subscribe').length === 3);
    await server.kill();
    const batch = { messages: [1, 2].map((data) => ({ topic: 'updates', data })) };
    expect(await realtime.publish(batch, { 'Idempotency-Key': 'b' })).toMatchObject([
      503,
      { code: 'BUS_UNAVAILABLE' },
    ]);
    await server.restart();
    let answer = await realtime.publish(batch, { 'Idempotency-Key': 'b' });
    while (answer[0] === 503) {
      await delay(20);
      answer = await realtime.publish(batch, { 'Idempotency-Key': 'b' });
    }
    expect(answer).toMatchObject([200, { messages: [{ position: 1 }, { position: 2 }] }]);
    await socket.until(() => socket.of('data').length === 2);
    expect(socket.of('data').map(({ position, data }) => [position, data])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });
});
