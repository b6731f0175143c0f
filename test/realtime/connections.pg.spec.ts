import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { UnsecuredJWT } from 'jose';
import { CentralInProcess } from '../support/central-in-process';
import { asAdmin } from '../support/operator';
import { realtimeToken, realtimeVariables } from '../support/realtime-tokens';
import { SyncSocket } from '../support/sync-socket';
import { writeTemporaryFile, type TemporaryFile } from '../support/written-file';

const rules = `
version: 1
topics:
  - { topic: updates, subscribe: any, publish: any, history: { size: 100, age: 1h } }
  - { topic: 'sites.{site_id}.>', subscribe: any, publish: any, history: { size: 100, age: 1h } }
  - { topic: staff, subscribe: { role: staff } }
`;

let file: TemporaryFile;
let central: CentralInProcess;
const open: SyncSocket[] = [];

beforeAll(async () => {
  file = writeTemporaryFile('realtime.yaml', rules);
  central = await CentralInProcess.start({
    ...realtimeVariables,
    CENTRAL_REALTIME_FILE: file.path,
    CENTRAL_REALTIME_ORIGINS: 'https://shop.example',
    CENTRAL_REALTIME_MAX_CONNECTIONS_PER_USER: '3',
    CENTRAL_REALTIME_MAX_SUBSCRIPTIONS: '5',
    CENTRAL_REALTIME_MESSAGES_PER_SECOND: '50',
    CENTRAL_REALTIME_SEND_BUFFER: '64KiB',
  });
});
afterEach(async () => {
  for (const { socket } of open) socket.terminate();
  await Promise.all(open.splice(0).map((one) => (one.refused === undefined ? one.end() : undefined)));
});
afterAll(async () => {
  await central.stop();
  file.remove();
});

async function connect(path: string, options?: Parameters<typeof SyncSocket.open>[2]): Promise<SyncSocket> {
  const socket = await SyncSocket.open(central, path, options);
  open.push(socket);
  return socket;
}

async function connectAs(userId: string, claims = {}): Promise<SyncSocket> {
  const socket = await connect(`/ws/sync?token=${await realtimeToken(userId, claims)}`);
  await socket.until(() => socket.of('subscribe').length === 2);
  return socket;
}

const publish = (body: object, headers = {}): Promise<[number, Record<string, unknown>]> =>
  central.call('POST', '/api/sync/publish', body, { ...asAdmin, ...headers });

describe('who connects', () => {
  it.each(['query', 'protocol', 'header', 'message'])('may send its token as %s', async (way) => {
    const token = await realtimeToken('user1');
    const socket = await connect(way === 'query' ? `/ws/sync?token=${token}&user_id=user1` : '/ws/sync', {
      ...(way === 'protocol' && { protocols: ['rivulet.realtime', `bearer.${token}`] }),
      ...(way === 'header' && { headers: { authorization: `Bearer ${token}` } }),
    });
    if (way === 'message') socket.send({ type: 'auth', token, id: '7' });
    await socket.until(() => socket.of('subscribe').length === 2);
    expect(socket.of('subscribe').map(({ topic }) => topic)).toEqual(
      expect.arrayContaining(['_user', '_all']),
    );
    expect(socket.socket.protocol).toBe(way === 'protocol' ? 'rivulet.realtime' : '');
    await publish({ user_id: 'user1', data: way });
    expect(await socket.next('data')).toMatchObject({ topic: '_user', data: way });
  });

  it.each([
    ['another secret', () => realtimeToken('user1', {}, { secret: 'x'.repeat(40) })],
    ['another issuer', () => realtimeToken('user1', {}, { issuer: 'https://evil.example' })],
    ['another audience', () => realtimeToken('user1', {}, { audience: 'others' })],
    ['a past time', () => realtimeToken('user1', {}, { life: '-1h' })],
    ['no signature', () => Promise.resolve(new UnsecuredJWT({ sub: 'user1' }).encode())],
    ['the ID of an operator', () => realtimeToken('operator:1')],
    ['the ID of a device', () => realtimeToken('device:1')],
    ['a user ID that is too long', () => realtimeToken('x'.repeat(129))],
    ['a device that is unknown', () => Promise.resolve(`rvt_${'a'.repeat(43)}`)],
    ['an operator who is unknown', () => Promise.resolve(`rvk_${'a'.repeat(43)}`)],
    ['nonsense', () => Promise.resolve('nonsense')],
  ])('is refused with a token of %s', async (_, make) => {
    const token = await make();
    const { refused } = await connect('/ws/sync', { headers: { authorization: `Bearer ${token}` } });
    expect(refused).toMatchObject({ status: 401, body: { code: 'REALTIME_TOKEN_INVALID' } });
    const socket = await connect('/ws/sync');
    socket.send({ type: 'auth', token });
    expect(await socket.next('error')).toMatchObject({ code: 'REALTIME_TOKEN_INVALID' });
    const [status] = await central.call('GET', `/api/sync/events?topic=updates&token=${token}`);
    expect(status).toBe(401);
    expect(JSON.stringify([refused, socket.received])).not.toContain(token);
  });

  it('is not who it says that it is', async () => {
    const token = await realtimeToken('user1');
    const { refused } = await connect(`/ws/sync?user_id=user2&token=${token}`);
    expect(refused).toMatchObject({ status: 401 });
    const socket = await connect('/ws/sync?user_id=user2');
    socket.send({ type: 'subscribe', topic: 'updates' });
    expect(await socket.next('error')).toMatchObject({ code: 'REALTIME_TOKEN_INVALID' });
    socket.send({ type: 'auth', token });
    expect(await socket.next('error', 2)).toMatchObject({ code: 'REALTIME_TOKEN_INVALID' });
  });

  it('stays who it is, whichever token comes next', async () => {
    const socket = await connectAs('user1', { role: 'staff' });
    socket.send({ type: 'subscribe', topic: 'staff' });
    await socket.next('subscribe', 3);
    socket.send({ type: 'auth', token: await realtimeToken('user2') });
    expect(await socket.next('error')).toMatchObject({ code: 'REALTIME_TOKEN_INVALID' });
    socket.send({ type: 'auth', token: await realtimeToken('user1') });
    expect(await socket.next('error', 2)).toMatchObject({ code: 'TOPIC_FORBIDDEN', topic: 'staff' });
  });

  it('comes from a page that the settings name, or from no page', async () => {
    const headers = { authorization: `Bearer ${await realtimeToken('user1')}` };
    const evil = await connect('/ws/sync', { headers: { ...headers, origin: 'https://evil.example' } });
    expect(evil.refused).toMatchObject({ status: 403, body: { code: 'REALTIME_ORIGIN_REFUSED' } });
    const shop = await connect('/ws/sync', { headers: { ...headers, origin: 'https://shop.example' } });
    expect(shop.refused).toBeUndefined();
  });

  it('has as many connections and subscriptions as the settings say', async () => {
    const [socket] = [await connectAs('many'), await connectAs('many'), await connectAs('many')];
    const fourth = await connect(`/ws/sync?token=${await realtimeToken('many')}`);
    expect(fourth.refused).toMatchObject({ status: 429, body: { code: 'REALTIME_LIMIT_EXCEEDED' } });
    for (const topic of ['updates', 'sites.1.a', 'sites.1.b', 'sites.1.c'])
      socket.send({ type: 'subscribe', topic });
    expect(await socket.next('error')).toMatchObject({ code: 'TOPIC_FORBIDDEN' });
    const more = await connectAs('more', { site_id: 1 });
    for (const topic of ['updates', 'sites.1.a', 'sites.1.b', 'sites.1.c'])
      more.send({ type: 'subscribe', topic });
    expect(await more.next('error')).toMatchObject({ code: 'REALTIME_LIMIT_EXCEEDED', topic: 'sites.1.c' });
  });

  it('as an operator has what the rules allow operators', async () => {
    const [, login] = await central.call('POST', '/api/login', {
      username: 'admin',
      password: Buffer.from(asAdmin.authorization.slice(6), 'base64').toString().split(':')[1],
    });
    const token = (login['access_token'] ?? login['token']) as string;
    const socket = await connect('/ws/sync', { headers: { authorization: `Bearer ${token}` } });
    expect(await socket.next('connect')).toMatchObject({
      data: { user_id: expect.stringMatching(/^operator:/) as string },
    });
  });
});

describe('what a client may see', () => {
  it('is never what is for another user or site', async () => {
    const [mine, theirs] = [
      await connectAs('user1', { site_id: 1 }),
      await connectAs('user2', { site_id: 2 }),
    ];
    mine.send({ type: 'subscribe', topic: 'sites.1.>' });
    await mine.next('subscribe', 3);
    const foreign = [
      '_user.user1',
      'sites.1.orders',
      'sites.1.>',
      'sites.*.orders',
      '>',
      '*',
      'staff',
      '__proto__',
    ];
    for (const [index, topic] of foreign.entries()) {
      theirs.send({ type: 'subscribe', topic, epoch: 'x', position: 0 });
      await theirs.next('error', index + 1);
      const token = await realtimeToken('user2', { site_id: 2 });
      const path = `/api/sync/events?topic=${encodeURIComponent(topic)}&token=${token}`;
      expect((await central.call('GET', path))[0]).toBe(403);
    }
    theirs.send({ type: 'sync', topic: 'sites.1.orders', data: 'forged' });
    expect(await theirs.next('error', foreign.length + 1)).toMatchObject({ code: 'TOPIC_FORBIDDEN' });
    await publish({
      messages: [
        { user_id: 'user1', data: 1 },
        { topic: 'sites.1.orders', data: 2 },
      ],
    });
    await publish({ topic: 'updates', data: 3 });
    await mine.next('data', 2);
    await central.call('POST', '/api/sync/broadcast', { data: 'all' }, asAdmin);
    await theirs.next('data');
    expect(mine.of('data').map(({ data }) => data)).toEqual(expect.arrayContaining([1, 2]));
    expect(theirs.of('data').map(({ data }) => data)).toEqual(['all']);
  });
});

describe('what a client sends', () => {
  it('whatever it is, is answered or ends the connection, and others go on', async () => {
    const other = await connectAs('other');
    other.send({ type: 'subscribe', topic: 'updates' });
    await other.next('subscribe', 3);
    const messages = fc.sample(fc.oneof(fc.string(), fc.json()), { numRuns: 40, seed: 15 });
    const socket = await connectAs('fuzz');
    for (const message of messages) socket.send(message);
    socket.socket.send(Buffer.from([1, 2, 3]));
    await socket.next('error', messages.length + 1);
    expect(new Set(socket.of('error').map(({ code }) => code))).toEqual(
      new Set(['REALTIME_MESSAGE_INVALID']),
    );
    socket.send('x'.repeat(100_000));
    expect((await socket.end()).code).toBe(1009);
    await publish({ topic: 'updates', data: 'still here' });
    expect(await other.next('data')).toMatchObject({ data: 'still here' });
  });

  it('is not more than a connection may send', async () => {
    const socket = await connectAs('busy');
    for (let count = 0; count < 700; count++) socket.send({ type: 'unsubscribe', topic: 'updates' });
    expect((await socket.end()).code).toBe(4009);
  });

  it('is published once by its key', async () => {
    const socket = await connectAs('keyed');
    for (const id of ['1', '2']) socket.send({ type: 'sync', topic: 'updates', data: 'once', key: 'k', id });
    const [first, second] = [await socket.next('sync'), await socket.next('sync', 2)];
    expect(second['position']).toBe(first['position']);
    expect([first['id'], second['id']]).toEqual(['1', '2']);
  });
});

describe('a server', () => {
  it.each([
    [{}, 400, 'REQUEST_INVALID'],
    [{ topic: 'updates' }, 400, 'REQUEST_INVALID'],
    [{ topic: 'updates', user_id: 'user1', data: 1 }, 400, 'REQUEST_INVALID'],
    [{ topic: '_user.user1', data: 1 }, 400, 'REQUEST_INVALID'],
    [{ topic: 'updates.*', data: 1 }, 400, 'REQUEST_INVALID'],
    [{ topic: 'unknown', data: 1 }, 403, 'TOPIC_FORBIDDEN'],
    [{ topic: 'updates', data: 'x'.repeat(70_000) }, 400, 'REALTIME_MESSAGE_INVALID'],
    [{ messages: [] }, 400, 'REQUEST_INVALID'],
    [{ messages: [{ topic: 'updates', data: 1 }], topic: 'updates' }, 400, 'REQUEST_INVALID'],
  ])('is refused %j', async (body, status, code) => {
    expect(await publish(body)).toEqual([status, expect.objectContaining({ code })]);
  });

  it('publishes a batch once, in order, by its key', async () => {
    const socket = await connectAs('batch');
    socket.send({ type: 'subscribe', topic: 'updates' });
    await socket.next('subscribe', 3);
    const body = {
      messages: [
        { topic: 'updates', data: null },
        { topic: 'updates', data: [2] },
        { user_id: 'batch', data: 3 },
      ],
    };
    const [status, first] = await publish(body, { 'idempotency-key': 'batch-1' });
    const [, second] = await publish(body, { 'idempotency-key': 'batch-1' });
    const positions = (answer: Record<string, unknown>): unknown[] =>
      (answer['messages'] as { position: number }[]).map(({ position }) => position);
    expect([status, positions(second)]).toEqual([200, positions(first)]);
    expect(await publish({ topic: 'updates', data: 'x' }, { 'idempotency-key': 'batch-1' })).toEqual([
      409,
      expect.objectContaining({ code: 'IDEMPOTENCY_KEY_REUSED' }),
    ]);
    await publish({ topic: 'updates', data: 'last' });
    await socket.until(() => socket.of('data').at(-1)?.['data'] === 'last');
    expect(
      socket
        .of('data')
        .filter(({ topic }) => topic === 'updates')
        .map(({ data }) => data),
    ).toEqual([null, [2], 'last']);
  });
});

describe('a client that comes back', () => {
  it('gets what it missed, and a slow one is closed and comes back', async () => {
    const slow = await connectAs('slow');
    slow.send({ type: 'subscribe', topic: 'updates' });
    const { epoch, position } = await slow.next('subscribe', 3);
    slow.socket.pause();
    const data = 'x'.repeat(60_000);
    for (let number = 0; number < 90; number++) await publish({ topic: 'updates', data: { number, data } });
    slow.socket.resume();
    expect((await slow.end()).code).toBe(4008);
    const seen = slow.of('data').length;
    expect(seen).toBeLessThan(90);
    const last = (slow.of('data').at(-1)?.['position'] ?? position) as number;
    const back = await connectAs('slow');
    back.send({ type: 'subscribe', topic: 'updates', epoch, position: last });
    expect(await back.next('subscribe', 3)).toMatchObject({ recovered: true, position: last });
    await back.next('data', 90 - seen);
    const all = [...slow.of('data'), ...back.of('data')].map(
      (message) => message['data'] as { number: number },
    );
    expect(all.map(({ number }) => number)).toEqual(Array.from({ length: 90 }, (_, index) => index));
  });

  it('may use server-sent events, and resumes by the ID of the last one', async () => {
    const token = await realtimeToken('sse');
    const follow = async (lastEventId?: string): Promise<{ text: () => string; stop: () => void }> => {
      const over = new AbortController();
      const response = await fetch(`${central.url}/api/sync/events?topic=updates&token=${token}`, {
        headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
        signal: over.signal,
      });
      expect(response.headers.get('content-type')).toContain('text/event-stream');
      const texts: string[] = [];
      const decoder = new TextDecoder();
      const reading = (async () => {
        for await (const chunk of response.body!)
          texts.push(decoder.decode(chunk as Uint8Array, { stream: true }));
      })();
      reading.catch(() => undefined);
      return { text: () => texts.join(''), stop: () => over.abort() };
    };
    const first = await follow();
    while (!first.text().includes('event: subscribe')) await delay(5);
    await publish({ topic: 'updates', data: 'one' });
    while (!first.text().includes('"one"')) await delay(5);
    first.stop();
    const id = /id: (\S+)\ndata: .*"one"/.exec(first.text())![1]!;
    await publish({ topic: 'updates', data: 'two' });
    const second = await follow(id);
    while (!second.text().includes('"two"')) await delay(5);
    expect(second.text()).not.toContain('"one"');
    second.stop();
    expect(
      (
        await central.call('GET', `/api/sync/events?topic=updates&token=${token}`, undefined, {
          'last-event-id': 'x',
        })
      )[0],
    ).toBe(400);
  });
});

it('reads the file of topics again, and ends what it does not allow any more', async () => {
  const socket = await connectAs('reload');
  socket.send({ type: 'subscribe', topic: 'updates' });
  await socket.next('subscribe', 3);
  file.write('version: 1\ntopics: [{topic: 7}]');
  expect(await central.call('POST', '/api/operators/realtime/reload', undefined, asAdmin)).toEqual([
    500,
    expect.objectContaining({
      code: 'REALTIME_FILE_INVALID',
      detail: expect.stringContaining('2:18') as string,
    }),
  ]);
  file.write('version: 1');
  expect((await central.call('POST', '/api/operators/realtime/reload', undefined, asAdmin))[0]).toBe(200);
  expect(await socket.next('error')).toMatchObject({ code: 'TOPIC_FORBIDDEN', topic: 'updates' });
  file.write(rules);
  await central.call('POST', '/api/operators/realtime/reload', undefined, asAdmin);
});
