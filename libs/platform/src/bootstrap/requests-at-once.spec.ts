import { request, type ClientRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { Registry } from 'prom-client';
import { RequestsAtOnce, type AtOnceLimits } from './requests-at-once';

const PATH = '/limited';
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

describe('requests at once', () => {
  const clients: ClientRequest[] = [];
  const registry = new Registry();
  let server: FastifyInstance;
  let begun: Begun;

  async function start(limits: Partial<AtOnceLimits>): Promise<void> {
    begun = new Begun();
    registry.clear();
    server = fastify({ forceCloseConnections: true });
    const requests = new RequestsAtOnce(registry);
    requests.limit(PATH, { requests: 2, turnMs: NEVER_MS, waitMs: NEVER_MS, ...limits });
    requests.install(server);
    for (const path of [PATH, '/other']) server.post(path, (_request, reply) => begun.add(reply));
    await server.listen({ port: 0, host: '127.0.0.1' });
  }

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await server.close();
  });

  function send(name: string, path = PATH): ClientRequest {
    const { port } = server.server.address() as AddressInfo;
    const client = request({ port, host: '127.0.0.1', method: 'POST', path, headers: { 'x-name': name } });
    client.on('error', () => undefined);
    clients.push(client);
    return client.end();
  }

  async function sendEach(...names: string[]): Promise<void> {
    for (const name of names) {
      send(name);
      await begun.reach(begun.replies.length + 1);
    }
  }

  async function waiting(count: number): Promise<void> {
    const line = `http_requests_waiting{route="${PATH}"} ${count}`;
    while (!(await registry.metrics()).includes(line)) await new Promise(setImmediate);
  }

  it('begins the next one in order when one has been answered', async () => {
    await start({});
    await sendEach('1', '2');
    send('3');
    await waiting(1);
    send('4');
    await waiting(2);
    expect(begun.names).toEqual(['1', '2']);
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
});
