import { RealtimeError, type ClientOptions, type Subscription, type TopicHandlers } from './client-types';
import { TopicState, type ServerMessage } from './topic-state';

const SETTLED_MS = 10_000;

interface Waiting {
  topic: string;
  data: unknown;
  key: string;
  done: (position: number) => void;
  failed: (error: Error) => void;
}

/** A connection to central's topics that comes back by itself, with the positions that it has. Without dependencies. */
export class RealtimeClient {
  private readonly topics = new Map<string, TopicState>();
  /** Messages that were published and not confirmed. Sent again after a reconnect, with the same key. */
  private readonly waiting = new Map<string, Waiting>();
  private socket: WebSocket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private openedAtMs = Infinity;
  private lastId = 0;
  private isStopped = false;
  private delayMs: number | undefined;

  constructor(private readonly options: ClientOptions) {
    void this.connect();
  }

  get isOpen(): boolean {
    return this.socket?.readyState === 1;
  }

  /** @param topic - a topic, a pattern, `_user` or `_all` */
  subscribe<Data = unknown>(topic: string, handlers: TopicHandlers<Data>): Subscription {
    if (this.topics.has(topic)) throw new TypeError(`There is a subscription of ${topic} already.`);
    const state = new TopicState(topic, handlers as TopicHandlers);
    this.topics.set(topic, state);
    if (this.isOpen) this.send(state.request());
    return {
      unsubscribe: () => {
        if (this.topics.delete(topic) && this.isOpen) this.send({ type: 'unsubscribe', topic });
      },
    };
  }

  /** Resolves with the position when central has stored the message; it is stored once, whatever happens in between. */
  publish(topic: string, data: unknown): Promise<number> {
    return new Promise((done, failed) => {
      const id = String(++this.lastId);
      const waiting = { topic, data, key: crypto.randomUUID(), done, failed };
      this.waiting.set(id, waiting);
      if (this.isOpen) this.sendWaiting(id, waiting);
    });
  }

  /** Ends the connection for good. */
  close(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.socket?.close(1000);
    for (const { failed } of this.waiting.values()) failed(new Error('The client was closed.'));
    this.waiting.clear();
  }

  private async connect(): Promise<void> {
    this.options.onState?.('connecting');
    try {
      const token = await this.options.token();
      if (!this.isStopped) this.open(token);
    } catch (error) {
      this.options.onError?.(new RealtimeError('NOT_CONNECTED', String(error)));
      this.comeBack();
    }
  }

  private open(token: string): void {
    const url = new URL(this.options.url);
    url.searchParams.set('subscribe', 'explicit');
    const Socket = this.options.WebSocket ?? WebSocket;
    const socket = new Socket(url.href, ['rivulet.realtime', `bearer.${token}`]);
    this.socket = socket;
    socket.addEventListener('message', ({ data }: { data: unknown }) => {
      if (this.socket === socket) this.receive(JSON.parse(String(data)) as ServerMessage);
    });
    socket.addEventListener('close', () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      // One that is closed soon, again and again, is no reason to hurry.
      if (performance.now() - this.openedAtMs > SETTLED_MS) this.attempt = 0;
      this.openedAtMs = Infinity;
      this.options.onState?.('closed');
      this.comeBack();
    });
    // A close follows.
    socket.addEventListener('error', () => undefined);
  }

  /** Full jitter, so that not all clients come back at once: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
  private comeBack(): void {
    if (this.isStopped) return;
    const { firstDelayMs = 500, maxDelayMs = 30_000, random = Math.random } = this.options;
    const most = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(this.attempt++, 16));
    this.timer = setTimeout(() => void this.connect(), this.delayMs ?? random() * most);
    this.delayMs = undefined;
  }

  private receive(message: ServerMessage): void {
    const { type, resync } = message;
    if (type === 'connect') this.opened();
    else if (type === 'data' || resync === true)
      for (const state of this.statesOf(message)) state.take(message);
    else if (type === 'subscribe') this.topics.get(message.topic ?? '')?.subscribed(message);
    else if (type === 'sync') this.published(message);
    else if (type === 'presence') this.topics.get(message.topic ?? '')?.present(message);
    else if (type === 'error') this.failed(message);
    // So that not all come back at once.
    else if (type === 'disconnect') this.delayMs = (message.data as ServerMessage).reconnect_after_ms;
  }

  private opened(): void {
    this.openedAtMs = performance.now();
    for (const state of this.topics.values()) this.send(state.request());
    for (const [id, waiting] of this.waiting) this.sendWaiting(id, waiting);
    this.options.onState?.('open');
  }

  private statesOf({ topic = '' }: ServerMessage): TopicState[] {
    return [...this.topics.values()].filter((state) => state.matches(topic));
  }

  private published({ id = '', position = 0 }: ServerMessage): void {
    this.waiting.get(id)?.done(position);
    this.waiting.delete(id);
  }

  private failed({ id, code = '', error = '', topic, retry_after_ms: retryAfterMs }: ServerMessage): void {
    const waiting = this.waiting.get(id ?? '');
    if (retryAfterMs !== undefined) return void setTimeout(() => this.repeat(id, topic), retryAfterMs);
    const problem = new RealtimeError(code, error, topic);
    const { onError = this.options.onError } = this.topics.get(topic ?? '')?.handlers ?? {};
    if (waiting === undefined) onError?.(problem);
    waiting?.failed(problem);
    this.waiting.delete(id ?? '');
  }

  private repeat(id = '', topic = ''): void {
    const [waiting, state] = [this.waiting.get(id), this.topics.get(topic)];
    if (this.isOpen && waiting !== undefined) this.sendWaiting(id, waiting);
    else if (this.isOpen && id === '' && state !== undefined) this.send(state.request());
  }

  private sendWaiting(id: string, { topic, data, key }: Waiting): void {
    this.send({ type: 'sync', id, topic, data, key });
  }

  private send(message: object): void {
    this.socket?.send(JSON.stringify(message));
  }
}
