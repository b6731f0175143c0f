import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { RivuletError } from '@rivulet/errors';
import { Deferred, startFixture, type Fixture } from '../../test/fixture-app';
import { DrainState } from '../health/drain-state';
import { Connections } from './connections';
import { UpgradeRouter, type Upgrade } from './upgrade-router';

let fixture: Fixture;
let connections: Connections;

beforeAll(async () => {
  fixture = await startFixture();
  connections = new Connections(fixture.app.getHttpServer(), { maxConnections: 3 });
  await fixture.app.listen(0, '127.0.0.1');
  const router = fixture.app.get(UpgradeRouter);
  router.add('/ws/echo', (upgrade) => Promise.resolve(accept(upgrade)));
  router.add('/ws/other', () => Promise.reject(new RivuletError('DEVICE_UNIDENTIFIED', 'Who are you?')));
  router.add('/ws/broken', () => Promise.reject(new Error('a secret')));
});
beforeEach(() => void fixture.takeLines());
afterAll(() => fixture.app.close());

function accept({ socket }: Upgrade): void {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  socket.pipe(socket);
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
  socket: Duplex | undefined;
}

async function handshake(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { port } = fixture.app.getHttpServer().address() as AddressInfo;
  const request = get({ port, path, headers: { connection: 'Upgrade', upgrade: 'websocket', ...headers } });
  const answered = new Deferred<[IncomingMessage, Duplex | undefined]>();
  request.on('upgrade', (response, socket) => answered.resolve([response, socket]));
  request.on('response', (response) => answered.resolve([response, undefined]));
  request.on('error', answered.reject);
  const [response, socket] = await answered.promise;
  if (socket !== undefined) return { status: 101, body: {}, socket };
  const chunks = (await response.toArray()) as Buffer[];
  const text = Buffer.concat(chunks).toString();
  return { status: response.statusCode!, body: JSON.parse(text) as Answer['body'], socket };
}

it('gives each path to its handler, and a query changes nothing', async () => {
  const { status, socket } = await handshake('/ws/echo?token=secret');
  expect(status).toBe(101);
  socket!.write('hello');
  expect(String((await once(socket!, 'data'))[0])).toBe('hello');
  socket!.destroy();
  const [line] = fixture.takeLines();
  expect(line).toMatchObject({ level: 'info', url: '/ws/echo', status: 101 });
  expect(JSON.stringify(line)).not.toContain('secret');
});

it('answers what a handler throws as a problem, and keeps the reason of an unexpected one to itself', async () => {
  const refused = await handshake('/ws/other', { 'x-request-id': 'mine' });
  expect(refused).toMatchObject({
    status: 401,
    body: { code: 'DEVICE_UNIDENTIFIED', instance: '/ws/other', requestId: 'mine' },
  });
  const broken = await handshake('/ws/broken');
  expect(broken.status).toBe(500);
  expect(JSON.stringify(broken.body)).not.toContain('secret');
  expect(fixture.takeLines().map(({ level, status }) => [level, status])).toEqual([
    ['info', 401],
    ['error', 500],
  ]);
});

it.each([
  ['a path that nobody takes', '/ws/unknown', {}, 404],
  ['another protocol', '/ws/echo', { upgrade: 'h2c' }, 404],
  ['a request with a body', '/ws/echo', { 'content-length': '0' }, 404],
  ['a route', '/health/live', {}, 200],
])('answers %s as if it asked for no upgrade', async (_, path, headers, status) => {
  expect((await handshake(path, headers)).status).toBe(status);
});

it('counts upgraded connections to no limit of HTTP, and cuts them when the server ends', async () => {
  const open = [];
  for (let index = 0; index < 5; index++) open.push((await handshake('/ws/echo')).socket!);
  expect((await handshake('/health/live')).status).toBe(200);
  const closed = open.map((socket) => once(socket, 'close'));
  for (const socket of open) socket.resume();
  connections.end();
  await Promise.all(closed);
});

it('refuses handshakes while the process stops', async () => {
  const fresh = await startFixture();
  await fresh.app.listen(0, '127.0.0.1');
  fresh.app.get(UpgradeRouter).add('/ws/echo', (upgrade) => Promise.resolve(accept(upgrade)));
  fresh.app.get(DrainState).startDraining();
  const before = fixture;
  fixture = fresh;
  expect(await handshake('/ws/echo')).toMatchObject({ status: 503, body: { code: 'SHUTTING_DOWN' } });
  fixture = before;
  await fresh.app.close();
});
