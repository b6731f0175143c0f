import type { StoredMessage } from '../history/history';
import { BROADCAST_TOPIC, isOwnTopic } from '../rules/topic-name';

/** Where a subscription stands. */
export interface TopicState {
  topic: string;
  epoch: string;
  position: number;
}

/** A server's message other than data. Undefined fields are left out. */
export type ServerMessage =
  | { type: 'connect'; data: { client_id: string; user_id: string | null; ping_interval_ms: number } }
  | { type: 'auth'; id: string | undefined; data: { user_id: string } }
  | ({
      type: 'subscribe';
      id?: string | undefined;
      positions?: Record<string, number> | undefined;
      recovered?: boolean | undefined;
    } & TopicState)
  | { type: 'unsubscribe'; id: string | undefined; topic: string }
  /** The answer to a client's `sync`. */
  | ({ type: 'sync'; id: string | undefined; message_id: string } & TopicState)
  /** Messages were lost to this client: it reads the state again, which has everything up to the position. */
  | ({ type: 'sync'; resync: true } & TopicState)
  /** Who has subscribed to a topic, or who has come or gone. */
  | ({ type: 'presence'; id: string | undefined; topic: string } & (
      | { users: { user_id: string; connections: number; since: number }[] }
      | { event: 'join' | 'leave'; user_id: string }
    ))
  | {
      type: 'error';
      error: string;
      code: string;
      id: string | undefined;
      topic: string | undefined;
      retry_after_ms?: number | undefined;
    }
  | { type: 'disconnect'; data: { reason: string; reconnect_after_ms: number } };

export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify({ ...message, timestamp: nowSeconds() });
}

/** Data is JSON already, and is put in as it is. */
export function encodeDataMessage(epoch: string, message: StoredMessage): string {
  const { topic, position, id, from, publishedAtMs, data } = message;
  const head = {
    type: 'data',
    topic: wireTopic(topic),
    epoch,
    position,
    id,
    ...(from !== undefined && { user_id: from }),
    timestamp: Math.floor(publishedAtMs / 1_000),
  };
  return `${JSON.stringify(head).slice(0, -1)},"data":${data}}`;
}

/** Nobody but the user has it, and knows it by this name. */
export function wireTopic(topic: string): string {
  return isOwnTopic(topic) && topic !== BROADCAST_TOPIC ? '_user' : topic;
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
