import type { RealtimeMessage, TopicHandlers } from './client-types';

/** Central's messages, as docs/realtime.md describes them. */
export interface ServerMessage {
  type: string;
  id?: string;
  topic?: string;
  epoch?: string;
  position?: number;
  positions?: Record<string, number>;
  recovered?: boolean;
  resync?: boolean;
  code?: string;
  error?: string;
  retry_after_ms?: number;
  reconnect_after_ms?: number;
  data?: unknown;
  users?: { user_id: string }[];
  event?: string;
  user_id?: string;
}

/** Up to where the client has a topic, or each topic of a pattern. */
export class TopicState {
  private epoch: string | undefined;
  /** That of the topic; for a pattern, of topics that it knows no other of. */
  private position = 0;
  private readonly positions = new Map<string, number>();
  private readonly words: string[];
  private users = new Set<string>();

  constructor(
    private readonly name: string,
    readonly handlers: TopicHandlers,
  ) {
    this.words = name.split('.');
  }

  request(): object {
    const { name: topic, epoch, position } = this;
    const presence = this.handlers.onPresence === undefined ? undefined : true;
    const positions = Object.fromEntries(this.positions);
    return { type: 'subscribe', topic, presence, ...(epoch !== undefined && { epoch, position, positions }) };
  }

  matches(topic: string): boolean {
    const words = topic.split('.');
    const isOpen = this.words.at(-1) === '>';
    if (isOpen ? words.length < this.words.length : words.length !== this.words.length) return false;
    return this.words.every((word, index) => word === '*' || word === '>' || word === words[index]);
  }

  subscribed({ topic = '', epoch, position = 0, positions, recovered }: ServerMessage): void {
    this.epoch = epoch;
    this.position = position;
    for (const [name, known] of Object.entries(positions ?? {})) this.positions.set(name, known);
    if (recovered === false) this.handlers.onResync?.(topic, position);
    this.handlers.onReady?.();
  }

  present({ users, event, user_id: userId = '' }: ServerMessage): void {
    if (users !== undefined) this.users = new Set(users.map(({ user_id: known }) => known));
    else if (event === 'leave') this.users.delete(userId);
    else this.users.add(userId);
    this.handlers.onPresence?.([...this.users]);
  }

  /** A message, or that some were lost: of a pattern itself that is about its topics without messages. */
  take(message: ServerMessage): void {
    const { type, topic = this.name, epoch, position = 0 } = message;
    this.epoch = epoch;
    if (topic === this.name) this.position = position;
    else this.positions.set(topic, position);
    if (type === 'data') this.handlers.onMessage(message as RealtimeMessage & ServerMessage);
    else this.handlers.onResync?.(topic, position);
  }
}
