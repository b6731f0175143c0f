import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { WebSocket } from 'ws';
import type { ClientMessage } from '../protocol/client-message';
import { SyncConnection } from './sync-connection';

/** As much of a WebSocket as a connection uses. */
class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  isPaused = false;
  readonly sent: string[] = [];

  send(text: string): void {
    this.sent.push(text);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(): void {
    this.readyState = 2;
  }

  terminate(): void {
    this.emit('close');
  }
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function connect(): { socket: FakeSocket; connection: SyncConnection; handled: (string | undefined)[] } {
  const socket = new FakeSocket();
  const handled: (string | undefined)[] = [];
  const owner = {
    limits: { sendBufferBytes: 65_536, messagesPerSecond: 20 },
    handle: (_: SyncConnection, { id }: ClientMessage): Promise<void> =>
      Promise.resolve(void handled.push(id)),
    refused: (_: SyncConnection, error: unknown): RivuletError => error as RivuletError,
    closing: () => undefined,
    forget: () => undefined,
  };
  const connection = new SyncConnection(
    socket as unknown as WebSocket,
    new PassThrough(),
    owner,
    '::1',
    undefined,
    [],
  );
  return { socket, connection, handled };
}

function send(socket: FakeSocket, count: number): string[] {
  const ids = Array.from({ length: count }, (_, index) => String(index));
  for (const id of ids) socket.emit('message', Buffer.from(`{"type":"disconnect","id":"${id}"}`), false);
  return ids;
}

it('takes so many messages at once, and then as many a second as it may', async () => {
  const { socket, handled } = connect();
  const ids = send(socket, 240);
  expect(socket.isPaused).toBe(true);
  await jest.advanceTimersByTimeAsync(0);
  expect(handled).toEqual(ids.slice(0, 200));
  await jest.advanceTimersByTimeAsync(1_000);
  expect(handled).toEqual(ids.slice(0, 220));
  expect(socket.isPaused).toBe(true);
  await jest.advanceTimersByTimeAsync(1_000);
  expect(handled).toEqual(ids);
  expect(socket.isPaused).toBe(false);
});

it('takes nothing more of a client whose connection it has closed', async () => {
  const { socket, connection, handled } = connect();
  send(socket, 201);
  await jest.advanceTimersByTimeAsync(0);
  connection.close('tokenExpired');
  expect(socket.isPaused).toBe(false);
  await jest.advanceTimersByTimeAsync(1_000);
  expect(handled).toHaveLength(200);
});

it.each<[ErrorCode, number | undefined]>([
  ['DATABASE_INTERRUPTED', 5_000],
  ['TOPIC_FORBIDDEN', undefined],
])('says after a refusal with %s when to try again, if so', (code, afterMs) => {
  const { socket, connection } = connect();
  connection.refuse(new RivuletError(code, 'No.'), { topic: 'updates' });
  expect(JSON.parse(socket.sent[0]!)).toMatchObject({ type: 'error', code, topic: 'updates' });
  expect((JSON.parse(socket.sent[0]!) as { retry_after_ms?: number }).retry_after_ms).toBe(afterMs);
});
