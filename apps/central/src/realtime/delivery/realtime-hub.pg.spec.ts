import type { BusBody } from '@rivulet/bus';
import type { TestDatabase } from '@rivulet/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../../../../../test/support/attacks/odd-inputs';
import { messageOf } from '../../../test/realtime/history-contract';
import { createHistoryDatabase, openHistory } from '../../../test/realtime/history-database';
import { MemoryReceiver } from '../../../test/realtime/memory-receiver';
import { ReconnectingClient } from '../../../test/realtime/reconnecting-client';
import type { Identity } from '../rules/identity';
import { parseRealtimeFile } from '../rules/realtime-file';
import { TopicRules } from '../rules/topic-rules';
import type { PostgresHistory } from '../history/postgres/postgres-history';
import { RealtimeHub } from './realtime-hub';
import { Session } from './session';

const history1h = { size: 1_000, ageMs: 3_600_000 };
const rules = parseRealtimeFile(
  'realtime.yaml',
  `
version: 1
topics:
  - { topic: 'open.>', subscribe: any, publish: any, history: { size: 1000, age: 1h } }
  - { topic: 'short.*', subscribe: any, history: { size: 2, age: 1h } }
  - { topic: 'mine.{sub}', subscribe: any }
`,
);

function identity(userId: string): Identity {
  return { kind: 'user', userId, claims: { sub: userId }, expiresAtMs: undefined };
}

/** Hubs of several processes on one history. Each hint is lost with a probability. */
class Processes {
  readonly hubs: RealtimeHub[];
  readonly histories: PostgresHistory[];
  readonly errors: unknown[] = [];
  readonly current = { rules };
  lossOf = (): boolean => false;

  constructor(database: TestDatabase, count: number) {
    const counted = { delivered: () => undefined, recovered: () => undefined, resynced: () => undefined };
    this.histories = Array.from({ length: count }, () => openHistory(database));
    this.hubs = this.histories.map((history, index) => {
      const publish = async (_topic: string, body: BusBody): Promise<void> => {
        await delay(0);
        for (const [other, hub] of this.hubs.entries())
          if (other !== index && !this.lossOf()) hub.receive(JSON.parse(JSON.stringify(body)) as BusBody);
      };
      return new RealtimeHub(history, { publish }, this.current, counted, (error) => this.errors.push(error));
    });
  }

  open(receiver: MemoryReceiver, hub: number, userId = 'user1'): Session {
    return new Session(this.hubs[hub]!, receiver, identity(userId), 10);
  }

  async settle(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (this.errors.length > 0) throw this.errors[0] as Error;
      for (const hub of this.hubs) await hub.compare();
      await delay(5);
    }
  }
}

let database: TestDatabase;
let processes: Processes;

beforeAll(async () => {
  database = await createHistoryDatabase();
  processes = new Processes(database, 2);
});
beforeEach(() => {
  processes.lossOf = () => false;
  processes.current.rules = rules;
});
afterAll(async () => {
  await Promise.all(processes.histories.map((history) => history.close()));
  await database.drop();
});

const publish = (hub: number, topic: string, data: unknown, history = history1h): Promise<unknown> =>
  processes.hubs[hub]!.publish([messageOf(topic, data, { history })]);

it('brings a message to the subscribers of every process, once, and to no others', async () => {
  const receivers = [0, 1, 1].map(() => new MemoryReceiver());
  const [one, two, other] = receivers.map((receiver, hub) => processes.open(receiver, Math.min(hub, 1)));
  await one!.subscribe('open.a', undefined);
  await two!.subscribe('open.*', undefined);
  await two!.subscribe('open.a', undefined);
  await other!.subscribe('open.b', undefined);
  await publish(0, 'open.a', 1);
  await publish(1, 'open.a', 2);
  await processes.settle(() =>
    receivers.slice(0, 2).every(({ received }) => received.get('open.a')?.length === 2),
  );
  expect(receivers.map(({ received }) => received.get('open.a'))).toEqual([[1, 2], [1, 2], undefined]);
  two!.unsubscribe('open.a');
  await publish(0, 'open.a', 3);
  await processes.settle(() =>
    receivers.slice(0, 2).every(({ received }) => received.get('open.a')?.length === 3),
  );
  two!.unsubscribe('open.*');
  one!.close();
  await publish(0, 'open.a', 4);
  await processes.hubs[1]!.compare();
  expect(receivers.map(({ received }) => received.get('open.a')?.length)).toEqual([3, 3, undefined]);
});

it('makes up for hints that are lost, and for those that come in another order', async () => {
  processes.lossOf = () => true;
  const receiver = new MemoryReceiver();
  const session = processes.open(receiver, 1);
  await session.subscribe('open.lost', undefined);
  for (let number = 1; number <= 3; number++) await publish(0, 'open.lost', number);
  expect(receiver.received.size).toBe(0);
  await processes.settle(() => receiver.received.get('open.lost')?.length === 3);
  processes.lossOf = () => false;
  await Promise.all([4, 5, 6, 7, 8].map((number) => publish(number % 2, 'open.lost', number)));
  await processes.settle(() => receiver.received.get('open.lost')?.length === 8);
  expect(receiver.violations).toEqual([]);
  session.close();
});

it('gives who comes back what was missed, in order, or says that it cannot', async () => {
  const first = new MemoryReceiver();
  const session = processes.open(first, 0);
  await session.subscribe('open.back', undefined);
  await session.subscribe('short.back', undefined);
  const short = { size: 2, ageMs: 3_600_000 };
  await publish(0, 'open.back', 1);
  await publish(0, 'short.back', 1, short);
  session.close();
  first.isClosed = true;
  for (let number = 2; number <= 450; number++) void publish(number % 2, 'open.back', number);
  for (let number = 2; number <= 5; number++) await publish(1, 'short.back', number, short);
  const second = new MemoryReceiver(first.positions);
  const again = processes.open(second, 1);
  const since = (topic: string) => ({ ...first.positions.get(topic)!, positions: new Map<string, number>() });
  await again.subscribe('open.back', since('open.back'));
  await again.subscribe('short.back', since('short.back'));
  await publish(0, 'short.back', 6, short);
  await processes.settle(() => second.received.get('open.back')?.length === 449);
  await processes.settle(() => second.received.get('short.back') !== undefined);
  expect(new Set(second.received.get('open.back'))).toEqual(
    new Set(Array.from({ length: 449 }, (_, index) => index + 2)),
  );
  expect([second.violations, second.resyncs]).toEqual([[], ['short.back']]);
  expect(second.received.get('short.back')).toEqual([6]);
  again.close();
});

it('reads no history for those who come back and have missed nothing', async () => {
  const topics = ['open.still.a', 'open.still.b'];
  const first = new MemoryReceiver();
  const session = processes.open(first, 0);
  await session.subscribe('open.still.*', undefined);
  const { epoch, position } = first.told[0] as { epoch: string; position: number };
  for (const topic of topics) await publish(0, topic, 1);
  await processes.settle(() => first.received.size === 2);
  session.close();
  const read = jest.spyOn(processes.histories[0]!, 'read');
  const asked = jest.spyOn(processes.histories[0]!, 'positionsOf');
  const back = new MemoryReceiver(first.positions);
  const again = processes.open(back, 0);
  await again.subscribe('open.still.*', {
    epoch,
    position,
    positions: new Map(topics.map((topic) => [topic, 1])),
  });
  await again.subscribe('open.still.a', { epoch, position: 1, positions: new Map() });
  expect([read.mock.calls, asked.mock.calls.length <= 1]).toEqual([[], true]);
  await publish(1, 'open.still.a', 2);
  await processes.settle(() => back.received.size === 1);
  expect([Object.fromEntries(back.received), back.violations]).toEqual([{ 'open.still.a': [2] }, []]);
  read.mockRestore();
  asked.mockRestore();
  again.close();
});

it('tells to read again when positions are of another epoch', async () => {
  const receiver = new MemoryReceiver();
  const session = processes.open(receiver, 0);
  await session.subscribe('open.epoch', undefined);
  await publish(0, 'open.epoch', 1);
  await database.pool.query('UPDATE rivulet.central_state SET epoch = epoch + 1');
  await publish(0, 'open.epoch', 2);
  await processes.settle(() => receiver.resyncs.length === 1);
  await publish(1, 'open.epoch', 3);
  await processes.settle(() => receiver.received.get('open.epoch')?.length === 2);
  expect(receiver.received.get('open.epoch')).toEqual([1, 3]);
  expect(receiver.violations).toEqual([]);
  session.close();
});

it('brings each topic of a pattern from its first message on, those that come later too', async () => {
  const receiver = new MemoryReceiver();
  const session = processes.open(receiver, 1);
  await publish(0, 'open.p.old', 'before');
  await session.subscribe('open.p.*', undefined);
  const ack = receiver.told.at(-1) as { positions: object };
  expect(ack.positions).toEqual({ 'open.p.old': 1 });
  processes.lossOf = () => true;
  await publish(0, 'open.p.new', 1);
  await publish(0, 'open.p.old', 2);
  await processes.settle(() => receiver.received.size === 2);
  processes.lossOf = () => false;
  await publish(0, 'open.p.newer', 1);
  await processes.settle(() => receiver.received.size === 3);
  session.close();
  receiver.isClosed = true;
  await publish(0, 'open.p.new', 2);
  await publish(0, 'open.p.newest', 1);
  const back = new MemoryReceiver(receiver.positions);
  const again = processes.open(back, 0);
  const { epoch, position } = receiver.told.find(({ type }) => type === 'subscribe') as {
    epoch: string;
    position: number;
  };
  const positions = new Map([...receiver.positions].map(([topic, known]) => [topic, known.position]));
  await again.subscribe('open.p.*', { epoch, position, positions });
  await processes.settle(() => back.received.size === 2);
  expect(Object.fromEntries(back.received)).toEqual({ 'open.p.new': [2], 'open.p.newest': [1] });
  expect([receiver.violations, back.violations]).toEqual([[], []]);
  again.close();
});

it('ends a subscription that the rules do not allow any more', async () => {
  const receiver = new MemoryReceiver();
  const session = processes.open(receiver, 0);
  await session.subscribe('open.rules', undefined);
  await session.subscribe('open.rules.*', undefined);
  processes.current.rules = TopicRules.none;
  session.recheck();
  await publish(0, 'open.rules', 1);
  expect(receiver.received.size).toBe(0);
  expect(receiver.told.slice(-2)).toEqual(
    ['open.rules', 'open.rules.*'].map(
      (topic) => expect.objectContaining({ code: 'TOPIC_FORBIDDEN', topic }) as never,
    ),
  );
  session.close();
});

it('never gives one user what is for another', async () => {
  const [mine, theirs] = [new MemoryReceiver(), new MemoryReceiver()];
  const session = processes.open(mine, 0, 'user1');
  const other = processes.open(theirs, 1, 'user2');
  await session.subscribe('_user', undefined);
  await other.subscribe('_user', undefined);
  for (const name of ['_user.user1', '_user.*', '>', '*.user1', 'mine.user1', 'mine.*'])
    await expect(other.subscribe(name, undefined)).rejects.toMatchObject({ code: 'TOPIC_FORBIDDEN' });
  await publish(1, '_user.user1', 'secret');
  await processes.settle(() => mine.received.size === 1);
  expect([...mine.received.keys()]).toEqual(['_user.user1']);
  expect(theirs.received.size).toBe(0);
  session.close();
  other.close();
});

it('bounds the subscriptions of a connection', async () => {
  const session = processes.open(new MemoryReceiver(), 0);
  for (let number = 0; number < 10; number++) await session.subscribe(`open.n${number}`, undefined);
  await session.subscribe('open.n0', undefined);
  await expect(session.subscribe('open.n10', undefined)).rejects.toMatchObject({
    code: 'REALTIME_LIMIT_EXCEEDED',
  });
  session.close();
});

it('gives every client what was published to its topics, whatever is lost and whoever reconnects', async () => {
  const seed = Number(process.env['RIVULET_REALTIME_SEED'] ?? 15);
  const rounds = Number(process.env['RIVULET_REALTIME_ROUNDS'] ?? 150);
  const random = seededRandom(seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const topics = ['open.r.1', 'open.r.2', 'open.r.3'];
  processes.lossOf = () => random() < 0.3;
  const clients = Array.from(
    { length: 12 },
    () => new ReconnectingClient(topics[pick(3)]!, (receiver, hub) => processes.open(receiver, hub)),
  );
  await Promise.all(clients.map((client) => client.connect(pick(2))));
  const published = new Map<string, number[]>(topics.map((topic) => [topic, []]));
  const pending: Promise<unknown>[] = [];
  for (let round = 0; round < rounds; round++) {
    const topic = topics[pick(3)]!;
    published.get(topic)!.push(round);
    pending.push(publish(pick(2), topic, round));
    if (pick(3) === 0) pending.push(clients[pick(clients.length)]!.connect(pick(2)));
    if (pick(4) === 0) await delay(1);
  }
  await Promise.all(pending);
  const expected = (client: ReconnectingClient): number => published.get(client.topic)!.length;
  await processes.settle(() => clients.every((client) => client.received.length === expected(client)));
  for (const client of clients) {
    expect(client.violations).toEqual([]);
    // Two publishers at once have no order but that of the positions, and it is the same for all.
    const same = clients.find(({ topic }) => topic === client.topic)!;
    expect(client.received).toEqual(same.received);
    expect(client.received.toSorted((a, b) => a - b)).toEqual(published.get(client.topic));
  }
  for (const client of clients) client.session?.close();
});
