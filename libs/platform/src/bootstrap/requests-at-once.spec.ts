import { request, type ClientRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Registry } from 'prom-client';
import { createLogger } from '../logging/logger';
import { durationOf } from '../logging/request-duration';
import { httpAdapter } from './http-adapter';
import { RequestsAtOnce, type AtOnceLimits } from './requests-at-once';

const PATH = '/limited';
/** Of one whose body never comes. */
const HALF = 'half';
const NEVER_MS = 3_600_000;

/** What has begun, and is not answered until it is told to be. */
class Begun {
  readonly replies: FastifyReply[] = [];
  private onNext: () => void = () => undefined;

  add(reply: FastifyReply): void {
    this.replies.push(reply);
    this.onNext();
  }

  async reach(count: number): Promise<void> {
    while (this.replies.length < count) await new Promise<void>((resolve) => (this.onNext = resolve));
  }

  get names(): string[] {
    return this.replies.map((reply) => String(reply.request.headers['x-name']));
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(setImmediate);
}

const ARRIVALS = [
  { how: 'with their body', body: '{}', isBodyLater: false, waitsBeforeFastify: true },
  { how: 'before their body', body: '{}', isBodyLater: true, waitsBeforeFastify: false },
  {
    how: 'with a large body',
    body: JSON.stringify('a'.repeat(20_000)),
    isBodyLater: false,
    waitsBeforeFastify: false,
  },
];

describe.each(ARRIVALS)('requests at once that arrive $how', ({ body, isBodyLater, waitsBeforeFastify }) => {
  const clients = new Map<string, ClientRequest>();
  /** By Fastify. */
  const seen = new Set<string>();
  const registry = new Registry();
  let server: FastifyInstance;
  let begun: Begun;

  async function start(limits: Partial<AtOnceLimits>): Promise<void> {
    // One of an earlier test may begin as the one before it leaves.
    const ofThisTest = (begun = new Begun());
    registry.clear();
    server = httpAdapter(createLogger({ app: 'central', level: 'silent' })).getInstance();
    server.addHook('onRequest', ({ headers }, _reply, done) => {
      seen.add(String(headers['x-name']));
      if (isBodyLater && headers['x-name'] !== HALF) clients.get(String(headers['x-name']))!.end(body);
      done();
    });
    const requests = new RequestsAtOnce(registry);
    requests.limit(PATH, { requests: 2, turnMs: NEVER_MS, waitMs: NEVER_MS, ...limits });
    requests.install(server);
    for (const path of [PATH, '/other']) server.post(path, (_request, reply) => ofThisTest.add(reply));
    await server.listen({ port: 0, host: '127.0.0.1' });
  }

  afterEach(async () => {
    for (const client of clients.values()) client.destroy();
    clients.clear();
    seen.clear();
    server.server.closeAllConnections();
    await server.close();
  });

  function send(name: string, path = PATH): ClientRequest {
    const { port } = server.server.address() as AddressInfo;
    const headers = { 'x-name': name, 'content-type': 'application/json', 'content-length': body.length };
    const client = request({ port, host: '127.0.0.1', method: 'POST', path, headers });
    client.on('error', () => undefined);
    clients.set(name, client);
    if (isBodyLater || name === HALF) client.flushHeaders();
    else client.end(body);
    return client;
  }

  async function sendEach(...names: string[]): Promise<void> {
    for (const name of names) {
      send(name);
      await begun.reach(begun.replies.length + 1);
    }
  }

  async function waiting(count: number): Promise<void> {
    const line = `http_requests_waiting{route="${PATH}"} ${count}`;
    await until(async () => (await registry.metrics()).includes(line));
  }

  it('begins the next one in order when one has been answered', async () => {
    await start({});
    await sendEach('1', '2');
    send('3');
    await waiting(1);
    send('4');
    await waiting(2);
    expect(begun.names).toEqual(['1', '2']);
    expect(seen.has('4')).toBe(!waitsBeforeFastify);
    void begun.replies[1]!.send('');
    await begun.reach(3);
    expect(begun.names).toEqual(['1', '2', '3']);
    void begun.replies[0]!.send('');
    await begun.reach(4);
    await waiting(0);
    expect(begun.names).toEqual(['1', '2', '3', '4']);
  });

  it('forgets one that has left, waiting or not', async () => {
    await start({});
    const first = send('1');
    await begun.reach(1);
    await sendEach('2');
    const third = send('3');
    await waiting(1);
    third.destroy();
    await waiting(0);
    send('4');
    await waiting(1);
    first.destroy();
    await begun.reach(3);
    expect(begun.names).toEqual(['1', '2', '4']);
  });

  it('lets the next one begin when one takes long', async () => {
    await start({ requests: 1, turnMs: 20 });
    for (const name of ['1', '2', '3']) send(name);
    await begun.reach(3);
    for (const reply of begun.replies) void reply.send('');
    send('4');
    await begun.reach(4);
    expect(begun.names.toSorted()).toEqual(['1', '2', '3', '4']);
  });

  it('lets none wait for long', async () => {
    await start({ requests: 1, waitMs: 20 });
    for (const name of ['1', '2', '3']) send(name);
    await begun.reach(3);
    expect(begun.names.toSorted()).toEqual(['1', '2', '3']);
  });

  it('does not concern other routes', async () => {
    await start({ requests: 1 });
    await sendEach('1');
    send('2');
    await waiting(1);
    send('other', '/other');
    await begun.reach(2);
    expect(begun.names).toEqual(['1', 'other']);
  });

  it('does not count half of one', async () => {
    await start({ requests: 1 });
    send(HALF);
    await until(() => seen.has(HALF));
    await sendEach('1');
    expect(begun.names).toEqual(['1']);
  });

  it('counts the time that one has waited', async () => {
    await start({ requests: 1, waitMs: 50 });
    await sendEach('1', '2');
    expect(durationOf(begun.replies[1]!)).toBeGreaterThanOrEqual(49);
  });
});
