import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { UnsecuredJWT } from 'jose';
import { ADMIN_PASSWORD, asAdmin } from '../support/clients/operator';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { realtimeToken } from '../support/clients/realtime-tokens';

const rules = `
version: 1
topics:
  - { topic: updates, subscribe: any, publish: any, history: { size: 100, age: 1h } }
  - { topic: 'sites.{site_id}.>', subscribe: any, publish: any, history: { size: 100, age: 1h } }
  - { topic: staff, subscribe: { role: staff } }
`;

let realtime: RealtimeCentral;

beforeAll(async () => {
  realtime = await RealtimeCentral.start(rules, {
    CENTRAL_REALTIME_ORIGINS: 'https://shop.example',
    CENTRAL_REALTIME_MAX_CONNECTIONS_PER_USER: '3',
    CENTRAL_REALTIME_MAX_SUBSCRIPTIONS: '5',
    CENTRAL_REALTIME_MESSAGES_PER_SECOND: '50',
  });
});
afterEach(() => realtime.closeSockets());
afterAll(() => realtime.stop());

describe('who connects', () => {
  it.each(['query', 'protocol', 'header', 'message'])('may send its token as %s', async (way) => {
    const token = await realtimeToken('user1');
    const socket = await realtime.connect(
      way === 'query' ? `/ws/sync?token=${token}&user_id=user1` : '/ws/sync',
      {
        ...(way === 'protocol' && { protocols: ['rivulet.realtime', `bearer.${token}`] }),
        ...(way === 'header' && { headers: { authorization: `Bearer ${token}` } }),
      },
    );
    if (way === 'message') socket.send({ type: 'auth', token, id: '7' });
    await socket.until(() => socket.of('subscribe').length === 2);
    expect(socket.of('subscribe').map(({ topic }) => topic)).toEqual(
      expect.arrayContaining(['_user', '_all']),
    );
    expect(socket.socket.protocol).toBe(way === 'protocol' ? 'rivulet.realtime' : '');
    await realtime.publish({ user_id: 'user1', data: way });
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
    const { refused } = await realtime.connect('/ws/sync', { headers: { authorization: `Bearer ${token}` } });
    expect(refused).toMatchObject({ status: 401, body: { code: 'REALTIME_TOKEN_INVALID' } });
    const socket = await realtime.connect('/ws/sync');
    socket.send({ type: 'auth', token });
    expect(await socket.next('error')).toMatchObject({ code: 'REALTIME_TOKEN_INVALID' });
    const [status] = await realtime.central.call('GET', `/api/sync/events?topic=updates&token=${token}`);
    expect(status).toBe(401);
    expect(JSON.stringify([refused, socket.received])).not.toContain(token);
  });

  it('is not who it says that it is', async () => {
    const token = await realtimeToken('user1');
    const { refused } = await realtime.connect(`/ws/sync?user_id=user2&token=${token}`);
    expect(refused).toMatchObject({ status: 401 });
    const socket = await realtime.connect('/ws/sync?user_id=user2');
    socket.send({ type: 'subscribe', topic: 'updates' });
    expect(await socket.next('error')).toMatchObject({ code: 'REALTIME_TOKEN_INVALID' });
    socket.send({ type: 'auth', token });
    expect(await socket.next('error', 2)).toMatchObject({ code: 'REALTIME_TOKEN_INVALID' });
  });

  it('stays who it is, whichever token comes next', async () => {
    const socket = await realtime.connectAs('user1', { role: 'staff' });
    socket.send({ type: 'subscribe', topic: 'staff' });
    await socket.next('subscribe', 3);
    socket.send({ type: 'auth', token: await realtimeToken('user2') });
    expect(await socket.next('error')).toMatchObject({ code: 'REALTIME_TOKEN_INVALID' });
    socket.send({ type: 'auth', token: await realtimeToken('user1') });
    expect(await socket.next('error', 2)).toMatchObject({ code: 'TOPIC_FORBIDDEN', topic: 'staff' });
  });

  it('comes from a page that the settings name, or from no page', async () => {
    const headers = { authorization: `Bearer ${await realtimeToken('user1')}` };
    const evil = await realtime.connect('/ws/sync', {
      headers: { ...headers, origin: 'https://evil.example' },
    });
    expect(evil.refused).toMatchObject({ status: 403, body: { code: 'REALTIME_ORIGIN_REFUSED' } });
    const shop = await realtime.connect('/ws/sync', {
      headers: { ...headers, origin: 'https://shop.example' },
    });
    expect(shop.refused).toBeUndefined();
  });

  it('has as many connections and subscriptions as the settings say', async () => {
    const [socket] = [
      await realtime.connectAs('many'),
      await realtime.connectAs('many'),
      await realtime.connectAs('many'),
    ];
    const fourth = await realtime.connect(`/ws/sync?token=${await realtimeToken('many')}`);
    expect(fourth.refused).toMatchObject({ status: 429, body: { code: 'REALTIME_LIMIT_EXCEEDED' } });
    for (const topic of ['updates', 'sites.1.a', 'sites.1.b', 'sites.1.c'])
      socket.send({ type: 'subscribe', topic });
    expect(await socket.next('error')).toMatchObject({ code: 'TOPIC_FORBIDDEN' });
    const more = await realtime.connectAs('more', { site_id: 1 });
    for (const topic of ['updates', 'sites.1.a', 'sites.1.b', 'sites.1.c'])
      more.send({ type: 'subscribe', topic });
    expect(await more.next('error')).toMatchObject({ code: 'REALTIME_LIMIT_EXCEEDED', topic: 'sites.1.c' });
  });

  it.each([
    ['an unknown version', { 'sec-websocket-version': '7' }],
    ['no key', { 'sec-websocket-key': 'none' }],
  ])('takes no place of the user with a handshake of %s', async (_, wrong) => {
    const token = await realtimeToken('wrong');
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      authorization: `Bearer ${token}`,
      ...wrong,
    };
    for (let count = 0; count < 4; count++) {
      const [response] = (await once(get(`${realtime.central.url}/ws/sync`, { headers }), 'response')) as [
        IncomingMessage,
      ];
      response.resume();
      expect(response.statusCode).toBe(400);
    }
    await realtime.connectAs('wrong');
  });

  it('as an operator has what the rules allow operators', async () => {
    const [, login] = await realtime.central.call('POST', '/api/login', {
      username: 'admin',
      password: ADMIN_PASSWORD,
    });
    const token = (login['access_token'] ?? login['token']) as string;
    const socket = await realtime.connect('/ws/sync', { headers: { authorization: `Bearer ${token}` } });
    expect(await socket.next('connect')).toMatchObject({
      data: { user_id: expect.stringMatching(/^operator:/) as string },
    });
  });
});

describe('what a client may see', () => {
  it('is never what is for another user or site', async () => {
    const [mine, theirs] = [
      await realtime.connectAs('user1', { site_id: 1 }),
      await realtime.connectAs('user2', { site_id: 2 }),
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
      expect((await realtime.central.call('GET', path))[0]).toBe(403);
    }
    theirs.send({ type: 'sync', topic: 'sites.1.orders', data: 'forged' });
    expect(await theirs.next('error', foreign.length + 1)).toMatchObject({ code: 'TOPIC_FORBIDDEN' });
    await realtime.publish({
      messages: [
        { user_id: 'user1', data: 1 },
        { topic: 'sites.1.orders', data: 2 },
      ],
    });
    await realtime.publish({ topic: 'updates', data: 3 });
    await mine.next('data', 2);
    await realtime.central.call('POST', '/api/sync/broadcast', { data: 'all' }, asAdmin);
    await theirs.next('data');
    expect(mine.of('data').map(({ data }) => data)).toEqual(expect.arrayContaining([1, 2]));
    expect(theirs.of('data').map(({ data }) => data)).toEqual(['all']);
  });
});

describe('what a client sends', () => {
  it('whatever it is, is answered or ends the connection, and others go on', async () => {
    const other = await realtime.connectAs('other');
    other.send({ type: 'subscribe', topic: 'updates' });
    await other.next('subscribe', 3);
    const messages = fc.sample(fc.oneof(fc.string(), fc.json()), { numRuns: 40, seed: 15 });
    const socket = await realtime.connectAs('fuzz');
    for (const message of messages) socket.send(message);
    socket.socket.send(Buffer.from([1, 2, 3]));
    await socket.next('error', messages.length + 1);
    expect(new Set(socket.of('error').map(({ code }) => code))).toEqual(
      new Set(['REALTIME_MESSAGE_INVALID']),
    );
    socket.send('x'.repeat(100_000));
    expect((await socket.end()).code).toBe(1009);
    await realtime.publish({ topic: 'updates', data: 'still here' });
    expect(await other.next('data')).toMatchObject({ data: 'still here' });
  });

  it('is answered in order, when it is more than a connection may send, too', async () => {
    const socket = await realtime.connectAs('busy');
    const ids = Array.from({ length: 510 }, (_, index) => String(index));
    for (const id of ids) socket.send({ type: 'unsubscribe', topic: 'updates', id });
    await socket.next('unsubscribe', ids.length);
    expect(socket.of('unsubscribe').map(({ id }) => id)).toEqual(ids);
  });

  it('is published once by its key', async () => {
    const socket = await realtime.connectAs('keyed');
    for (const id of ['1', '2']) socket.send({ type: 'sync', topic: 'updates', data: 'once', key: 'k', id });
    const [first, second] = [await socket.next('sync'), await socket.next('sync', 2)];
    expect(second['position']).toBe(first['position']);
    expect([first['id'], second['id']]).toEqual(['1', '2']);
  });

  it("is not taken for another user's, whichever key that one chooses", async () => {
    const [one, two] = [await realtime.connectAs('a'), await realtime.connectAs('a:b')];
    one.send({ type: 'sync', topic: 'updates', data: 'of a', key: 'b:c' });
    await one.next('sync');
    two.send({ type: 'sync', topic: 'updates', data: 'of a:b', key: 'c' });
    expect(await two.next('sync')).toMatchObject({ topic: 'updates' });
    expect(two.of('error')).toEqual([]);
  });
});

function positions(answer: Record<string, unknown>): number[] {
  return (answer['messages'] as { position: number }[]).map(({ position }) => position);
}

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
    expect(await realtime.publish(body)).toEqual([status, expect.objectContaining({ code })]);
  });

  it('publishes a batch once, in order, by its key', async () => {
    const socket = await realtime.connectAs('batch');
    socket.send({ type: 'subscribe', topic: 'updates' });
    await socket.next('subscribe', 3);
    const body = {
      messages: [
        { topic: 'updates', data: null },
        { topic: 'updates', data: [2] },
        { user_id: 'batch', data: 3 },
      ],
    };
    const [status, first] = await realtime.publish(body, { 'idempotency-key': 'batch-1' });
    const [, second] = await realtime.publish(body, { 'idempotency-key': 'batch-1' });
    expect([status, positions(second)]).toEqual([200, positions(first)]);
    expect(await realtime.publish({ topic: 'updates', data: 'x' }, { 'idempotency-key': 'batch-1' })).toEqual(
      [409, expect.objectContaining({ code: 'IDEMPOTENCY_KEY_REUSED' })],
    );
    await realtime.publish({ topic: 'updates', data: 'last' });
    await socket.until(() => socket.of('data').at(-1)?.['data'] === 'last');
    expect(
      socket
        .of('data')
        .filter(({ topic }) => topic === 'updates')
        .map(({ data }) => data),
    ).toEqual([null, [2], 'last']);
  });
});
