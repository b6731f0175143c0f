import type { StoredMessage } from '../history/history';
import type { ServerMessage } from '../protocol/server-message';

/** A message on its way to many receivers, which is made into bytes once. */
export interface Outgoing {
  readonly epoch: string;
  readonly message: StoredMessage;
  /** The `data` message, as UTF-8. */
  readonly frame: Buffer;
  /** The same as a WebSocket carries it. */
  readonly webSocketFrame: Buffer;
}

/** A connection that takes messages. */
export interface Receiver {
  /** A receiver that is too slow closes itself; then nothing more is sent. */
  deliver(outgoing: Outgoing): void;
  tell(message: ServerMessage): void;
  readonly isClosed: boolean;
  /** Whether more can be sent that can wait. */
  readonly hasRoom: boolean;
  /** Resolves when most of what was sent has left, or the connection is closed. */
  drained(): Promise<void>;
}
