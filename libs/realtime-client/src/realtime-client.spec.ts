import { RealtimeClient } from './index';

/** A browser's WebSocket, in the hands of the test. */
class FakeSocket extends EventTarget {
  static last: FakeSocket;
  readonly readyState = 1;
  readonly sent: Record<string, unknown>[] = [];

  constructor() {
    super();
    FakeSocket.last = this;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  receive(message: object): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
  }

  close(): void {
    this.dispatchEvent(new Event('close'));
  }
}

describe('a client that is told to try again later', () => {
  it('subscribes and publishes again, with its position and with the same key', async () => {
    jest.useFakeTimers();
    const errors: Error[] = [];
    const client = new RealtimeClient({
      url: 'ws://central.example/ws/sync',
      token: () => 'token',
      WebSocket: FakeSocket as unknown as typeof WebSocket,
      onError: (error) => errors.push(error),
    });
    await jest.advanceTimersByTimeAsync(0);
    const socket = FakeSocket.last;
    socket.receive({ type: 'connect' });
    client.subscribe('updates', { onMessage: () => undefined });
    const published = client.publish('updates', 'data');
    const [subscribe, publish] = socket.sent;
    const away = { type: 'error', code: 'DATABASE_UNAVAILABLE', error: 'It is away.', retry_after_ms: 1_000 };
    socket.receive({ ...away, topic: 'updates' });
    socket.receive({ ...away, topic: 'updates', id: publish!['id'] });
    expect(socket.sent).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(socket.sent.slice(2)).toEqual([subscribe, publish]);
    socket.receive({ type: 'sync', id: publish!['id'], position: 7 });
    expect(await published).toBe(7);
    expect(errors).toEqual([]);
    client.close();
    jest.useRealTimers();
  });
});
