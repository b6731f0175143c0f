import { RealtimeClient } from './index';

/** A browser's WebSocket, in the hands of the test. */
class FakeSocket extends EventTarget {
  static last: FakeSocket;
  readonly readyState = 1;
  readonly sent: Record<string, unknown>[] = [];

  constructor(_url: string, protocols: string[]) {
    super();
    const wrong = protocols.find((protocol) => protocol.includes(' '));
    if (wrong !== undefined) throw new SyntaxError(`No protocol: ${wrong}`);
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

describe('a client that is told when to come back', () => {
  it('comes back then, and asks for another token where its token makes no connection', async () => {
    jest.useFakeTimers();
    const errors: Error[] = [];
    const tokens = ['first', 'no word', 'third'].values();
    const client = new RealtimeClient({
      url: 'ws://central.example/ws/sync',
      token: () => tokens.next().value!,
      WebSocket: FakeSocket as unknown as typeof WebSocket,
      onError: (error) => errors.push(error),
      firstDelayMs: 100,
      random: () => 1,
    });
    await jest.advanceTimersByTimeAsync(0);
    const first = FakeSocket.last;
    first.receive({ type: 'connect' });
    first.receive({ type: 'disconnect', data: { reconnect_after_ms: 5_000 } });
    first.close();
    await jest.advanceTimersByTimeAsync(4_999);
    expect(errors).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(errors.map(({ message }) => message)).toEqual(['SyntaxError: No protocol: bearer.no word']);
    expect(FakeSocket.last).toBe(first);
    await jest.advanceTimersByTimeAsync(200);
    expect(FakeSocket.last).not.toBe(first);
    client.close();
    jest.useRealTimers();
  });
});

it('a client waits longer each time that it is disconnected soon, and not where its connection had lasted', async () => {
  jest.useFakeTimers();
  const client = new RealtimeClient({
    url: 'ws://central.example/ws/sync',
    token: () => 'token',
    WebSocket: FakeSocket as unknown as typeof WebSocket,
    firstDelayMs: 100,
    random: () => 1,
  });
  await jest.advanceTimersByTimeAsync(0);
  for (const [lastedMs, waitMs] of [
    [10, 100],
    [10, 200],
    [10, 400],
    [10_001, 100],
    [10, 200],
  ] as const) {
    const { last } = FakeSocket;
    last.receive({ type: 'connect' });
    await jest.advanceTimersByTimeAsync(lastedMs);
    last.close();
    await jest.advanceTimersByTimeAsync(waitMs - 1);
    expect(FakeSocket.last).toBe(last);
    await jest.advanceTimersByTimeAsync(1);
    expect(FakeSocket.last).not.toBe(last);
  }
  client.close();
  jest.useRealTimers();
});
