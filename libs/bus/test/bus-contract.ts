import { setTimeout as delay } from 'node:timers/promises';
import {
  openBus,
  type Bus,
  type BusBody,
  type BusMessage,
  type BusState,
  type SubscribeOptions,
} from '../src/index';
import { busLimits } from '../src/limits';
import { TcpRelay, type BusServer } from '@rivulet/testing';

/** Every promise of {@link Bus}, on a real server. */
export function describeBus(start: () => Promise<BusServer>): void {
  let server: BusServer;
  let buses: Bus[];
  let states: BusState[];
  let errors: unknown[];

  beforeAll(async () => (server = await start()));
  afterAll(() => server.stop());

  beforeEach(() => {
    buses = [];
    states = [];
    errors = [];
  });
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
  });

  async function open(): Promise<Bus> {
    const { url, databaseUrl } = server;
    const bus = await openBus({
      url,
      databaseUrl,
      onState: (state) => states.push(state),
      onError: (error) => errors.push(error),
    });
    buses.push(bus);
    await until(() => bus.state.isConnected);
    return bus;
  }

  it('keeps values for other processes, where its server keeps any', async () => {
    const [one, other] = [await open(), await open()];
    expect(one.values !== undefined).toBe(server.url.startsWith('redis'));
    await one.values?.write({ mark: '1.7', other: 'x' });
    expect(await other.values?.read('mark')).toBe(one.values && '1.7');
    expect(await other.values?.read('nothing')).toBe(one.values && null);
  });

  it('brings a message to every subscription of every process whose pattern matches', async () => {
    const [publisher, other] = [await open(), await open()];
    const received = await Promise.all([
      collect(publisher, 'devices.1.nudge'),
      collect(other, 'devices.*.nudge'),
      collect(other, 'devices.>'),
      collect(other, 'devices.*'),
      collect(other, 'devices.2.nudge'),
      collect(other, 'devices.1.nudge.>'),
    ]);
    await publisher.publish('devices.1.nudge', { reason: 'users', count: 3, isLate: false, none: null });
    await until(() => received.slice(0, 3).every(({ length }) => length > 0));
    await publisher.publish('devices.2.nudge', 'last');
    await until(() => received[4].length > 0);
    const first = {
      topic: 'devices.1.nudge',
      body: { reason: 'users', count: 3, isLate: false, none: null },
    };
    expect(received[0]).toEqual([{ ...first, id: expect.stringMatching(/^[0-9A-Z]{26}$/) as string }]);
    expect(received.map(({ length }) => length)).toEqual([1, 2, 2, 0, 1, 0]);
  });

  it('keeps the order of each publisher, large messages among small ones', async () => {
    const [one, two, subscriber] = [await open(), await open(), await open()];
    const received = await collect(subscriber, 'order.>');
    const large = 'x'.repeat(20_000);
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    const bodyOf = (number: number): BusBody => ({ number, filling: number % 7 === 0 ? large : '' });
    await Promise.all(
      numbers.flatMap((number) => [
        one.publish('order.one', bodyOf(number)),
        two.publish('order.two', bodyOf(number)),
      ]),
    );
    await until(() => received.length === 400);
    for (const topic of ['order.one', 'order.two'])
      expect(bodies(received.filter((message) => message.topic === topic))).toEqual(numbers.map(bodyOf));
  });

  it.each([
    ['of any characters', 'é \u{1F600} \u0000 "\\ \n \u2028'],
    ['of the largest size', 'x'.repeat(busLimits.maxMessageBytes - 2)],
    [
      'of the size that a notification holds, and just more',
      ['y'.repeat(7_950), 'y'.repeat(7_980), 'y'.repeat(8_010)],
    ],
  ])('carries a body %s exactly', async (_, body) => {
    const bus = await open();
    const received = await collect(bus, 'exact');
    await bus.publish('exact', body);
    await until(() => received.length === 1);
    expect(received[0]!.body).toEqual(body);
  });

  it('refuses what is too large, and topics that are none', async () => {
    const bus = await open();
    await expect(bus.publish('a', 'x'.repeat(busLimits.maxMessageBytes))).rejects.toThrow(
      'has more than 524288 bytes',
    );
    for (const topic of ['', 'a..b', 'a b', 'a.*', '>', 'ä', 'x'.repeat(251)])
      await expect(bus.publish(topic, 1)).rejects.toThrow('is not a topic');
    for (const pattern of ['', 'a.>.b', 'a*', '[a]'])
      await expect(bus.subscribe(pattern, () => undefined)).rejects.toThrow('is not a pattern');
  });

  it('refuses what comes while too much waits for its server, and takes more once it has that', async () => {
    jest.replaceProperty(busLimits, 'maxUnsentMessages', 3 as never);
    const bus = await open();
    const received = await collect(bus, 'many');
    const sent = await Promise.allSettled([1, 2, 3, 4, 5].map((number) => bus.publish('many', number)));
    expect(sent.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect((sent[3] as PromiseRejectedResult).reason).toMatchObject({ code: 'BUS_UNAVAILABLE' });
    await bus.publish('many', 6);
    await until(() => received.length === 4);
    expect(bodies(received)).toEqual([1, 2, 3, 6]);
    jest.restoreAllMocks();
  });

  it('gives each message to one member of a queue group, and to everybody else', async () => {
    const [one, two] = [await open(), await open()];
    const members = await Promise.all(
      [one, one, two].map((bus) => collect(bus, 'work.*', { queueGroup: 'workers' })),
    );
    const everything = await collect(two, 'work.*');
    const others = await collect(one, 'work.*', { queueGroup: 'others' });
    for (let number = 0; number < 60; number++) await one.publish('work.now', number);
    await until(() => everything.length === 60 && others.length === 60 && members.flat().length >= 60);
    await delay(100);
    expect(bodies(members.flat()).toSorted((a, b) => Number(a) - Number(b))).toEqual(bodies(everything));
    expect(others).toHaveLength(60);
  });

  it('delivers nothing to a subscription that was closed, and still all to the others', async () => {
    const bus = await open();
    const received: BusBody[] = [];
    const closing = await bus.subscribe('closing', ({ body }) => void received.push(body));
    const staying = await collect(bus, 'closing');
    await bus.publish('closing', 1);
    await until(() => received.length === 1 && staying.length === 1);
    await closing.close();
    await bus.publish('closing', 2);
    await until(() => staying.length === 2);
    expect(received).toEqual([1]);
  });

  it('reports the error of a handler, and goes on with the next message', async () => {
    const bus = await open();
    const received: BusBody[] = [];
    await bus.subscribe('fails', ({ body }) => {
      if (body === 1) throw new Error('the first is too much');
      received.push(body);
    });
    await bus.publish('fails', 1);
    await bus.publish('fails', 2);
    await until(() => received.length === 1);
    expect(errors).toEqual([new Error('the first is too much')]);
  });

  it('gives a slow handler one message at a time, and drops the oldest of too many, which it tells', async () => {
    const bus = await open();
    const gaps: string[] = [];
    const received: BusBody[] = [];
    const gate = Promise.withResolvers<void>();
    await bus.subscribe(
      'slow',
      async ({ body }) => {
        received.push((body as { number: number }).number);
        await gate.promise;
      },
      { onGap: (reason) => gaps.push(reason) },
    );
    const others = await collect(bus, 'slow');
    const filling = 'x'.repeat(400_000);
    for (let number = 0; number < 60; number++) await bus.publish('slow', { number, filling });
    await until(() => others.length === 60);
    expect(received).toEqual([0]);
    gate.resolve();
    await until(() => received.at(-1) === 59);
    expect(received.length).toBeLessThan(50);
    expect(gaps.length).toBeGreaterThan(0);
    expect(gaps[0]).toMatch(/too slow/);
  });

  it('closes cleanly: what has been taken is handled, and nothing can be published any more', async () => {
    const [bus, other] = [await open(), await open()];
    const received: BusBody[] = [];
    await bus.subscribe('drain', async ({ body }) => {
      await delay(5);
      received.push(body);
    });
    const seen = await collect(bus, 'drain');
    for (let number = 0; number < 20; number++) await other.publish('drain', number);
    await until(() => seen.length === 20);
    await bus.close();
    expect(received).toHaveLength(20);
    await expect(bus.publish('drain', 1)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    await expect(bus.subscribe('drain', () => undefined)).rejects.toThrow('closed');
  });

  it('comes back after its server was killed, tells of the gap, and has kept its subscriptions', async () => {
    const [publisher, subscriber] = [await open(), await open()];
    const gaps: string[] = [];
    const received = await collect(subscriber, 'back.>', { onGap: (reason) => gaps.push(reason) });
    const shared = await collect(subscriber, 'back.>', { queueGroup: 'group' });
    await publisher.publish('back.1', 1);
    await until(() => received.length === 1 && shared.length === 1);
    await server.kill();
    await until(() => !publisher.state.isConnected && !subscriber.state.isConnected);
    await expect(publisher.publish('back.2', 2)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    const late = await collect(subscriber, 'back.3');
    await server.restart();
    await until(() => publisher.state.isConnected && subscriber.state.isConnected);
    await until(() => gaps.length === 1);
    await publisher.publish('back.3', 3);
    await until(() => received.length === 2 && shared.length === 2 && late.length === 1);
    expect(bodies(received)).toEqual([1, 3]);
    expect(states.map(({ isConnected }) => isConnected)).toEqual([true, true, false, false, true, true]);
  });

  it('is back only when its server has its subscriptions', async () => {
    const relay = await TcpRelay.start(server.databaseUrl || server.url);
    const url = server.url === 'postgres:' ? server.url : relay.through(server.url);
    const bus = await openBus({ url, databaseUrl: server.databaseUrl && relay.through(server.databaseUrl) });
    buses.push(bus);
    const received = await collect(bus, 'back');
    await until(() => bus.state.isConnected);
    relay.holds = /LISTEN|\bSUB |psubscribe/;
    relay.cut('reset');
    await until(() => relay.isHolding);
    await delay(50);
    expect(bus.state.isConnected).toBe(false);
    relay.release();
    await until(() => bus.state.isConnected);
    await (await open()).publish('back', 1);
    await until(() => received.length === 1);
    await bus.close();
    await relay.stop();
  });

  it('starts while its server is down, and connects when it comes', async () => {
    await server.kill();
    const bus = await openBus({ url: server.url, databaseUrl: server.databaseUrl });
    buses.push(bus);
    const received = await collect(bus, 'early');
    await delay(300);
    expect(bus.state.isConnected).toBe(false);
    await server.restart();
    await until(() => bus.state.isConnected);
    await bus.publish('early', 1);
    await until(() => received.length === 1);
  });

  it('can be closed while its server is down', async () => {
    const bus = await open();
    await server.kill();
    await until(() => !bus.state.isConnected);
    await bus.close();
    await server.restart();
  });
}

/** Subscribes, and keeps what comes. */
async function collect(bus: Bus, pattern: string, options?: SubscribeOptions): Promise<BusMessage[]> {
  const received: BusMessage[] = [];
  await bus.subscribe(pattern, (message) => void received.push(message), options);
  return received;
}

function bodies(messages: BusMessage[]): BusBody[] {
  return messages.map(({ body }) => body);
}

/** A condition that never comes true fails by the time limit of the test. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(10);
}
