import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { sendBytes } from './send-bytes';

/** More than the buffers of a connection take while nobody reads. */
const LARGE = 64 * 1024 * 1024;

let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => unknown;

beforeEach(async () => {
  server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function send(body: Buffer, signal = new AbortController().signal): Promise<Response> {
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/here?a=b`);
  return sendBytes(url, { method: 'POST', headers: { 'x-request-id': '7' }, body, signal });
}

it('sends the bytes as they are, and answers as fetch() does', async () => {
  const received: unknown[] = [];
  answer = async (request, response) => {
    received.push(request.url, request.headers['x-request-id'], await buffer(request));
    response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'] }).end('{"stored":3}');
  };

  const response = await send(Buffer.from([0, 1, 255]));

  expect(received).toEqual(['/api/here?a=b', '7', Buffer.from([0, 1, 255])]);
  expect(response.status).toBe(201);
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  expect(await response.json()).toEqual({ stored: 3 });
});

it('gives an answer without a body', async () => {
  answer = (request, response) => {
    request.resume();
    response.writeHead(204).end();
  };
  expect((await send(Buffer.alloc(10))).body).toBeNull();
});

it('does not end before all is sent where the answer is a success, so that the memory may be freed', async () => {
  answer = (_, response) => response.writeHead(200).write(' ');
  const ended = jest.fn();
  const sending = send(Buffer.alloc(LARGE)).then((response) => {
    ended();
    return response.text();
  });
  const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
  await delay(100);
  expect(ended).not.toHaveBeenCalled();

  request.on('end', () => response.end()).resume();
  expect(await sending).toBe(' ');
});

it('does not wait for that where central refuses, which does not read the rest', async () => {
  answer = (_, response) => response.writeHead(429, { 'retry-after': '7' }).end();
  const response = await send(Buffer.alloc(LARGE));
  expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']);
  await response.body?.cancel();
});

it.each(['before the answer', 'after its beginning'])(
  'fails by the reason of its signal, %s',
  async (when) => {
    answer = (_, response) => void (when === 'after its beginning' && response.writeHead(200).write(' '));
    const stop = new AbortController();
    const sending = send(Buffer.alloc(LARGE), stop.signal);
    await once(server, 'request');
    const reason = new Error('told to stop');
    stop.abort(reason);
    await expect(sending).rejects.toBe(reason);
  },
);

it('fails as fetch() does where the connection breaks', async () => {
  answer = (request) => request.socket.destroy();
  await expect(send(Buffer.alloc(10))).rejects.toMatchObject({
    message: 'fetch failed',
    cause: { code: 'ECONNRESET' },
  });
});

it('fails where the connection is closed after a success and before all is sent', async () => {
  answer = (request, response) => response.writeHead(200).write(' ', () => request.socket.destroy());
  await expect(send(Buffer.alloc(LARGE))).rejects.toThrow('fetch failed');
});
