/** A message of a topic. */
export interface RealtimeMessage<Data = unknown> {
  topic: string;
  epoch: string;
  position: number;
  id: string;
  /** Seconds since 1970. */
  timestamp: number;
  /** The user who sent it, if it was a client. */
  user_id?: string;
  data: Data;
}

export interface TopicHandlers<Data = unknown> {
  /** Each message once, in order. */
  onMessage: (message: RealtimeMessage<Data>) => void;
  /** Messages were lost to this client: read the state again. It has everything up to the position. */
  onResync?: (topic: string, position: number) => void;
  /** The subscription stands. */
  onReady?: () => void;
  onError?: (error: RealtimeError) => void;
  /** The users who have subscribed to the topic, now and after each change. The topic's rule must let you see them. */
  onPresence?: (users: readonly string[]) => void;
}

export interface Subscription {
  unsubscribe(): void;
}

export interface ClientOptions {
  /** Such as `wss://central.example/ws/sync`. */
  url: string;
  /** Asked before each connection, and when central says that a token has expired. */
  token: () => string | Promise<string>;
  onState?: (state: 'connecting' | 'open' | 'closed') => void;
  /** Errors that belong to no subscription; NOT_CONNECTED when there was no token, or none that makes a connection. */
  onError?: (error: RealtimeError) => void;
  /** For Node before 22, and for tests. */
  WebSocket?: typeof WebSocket;
  random?: () => number;
  firstDelayMs?: number;
  maxDelayMs?: number;
}

/** An error that central has sent. */
export class RealtimeError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly topic?: string,
  ) {
    super(message);
    this.name = 'RealtimeError';
  }
}
