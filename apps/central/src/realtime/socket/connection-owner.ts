import type { RivuletError } from '@rivulet/errors';
import type { ClientMessage } from '../protocol/client-message';
import type { RealtimeEnv } from '../realtime.env';
import type { CloseReason } from './close-codes';

/** Whoever accepted a connection, as the connection sees it. `Connection` is its type, so that neither file needs the other. */
export interface ConnectionOwner<Connection> {
  readonly limits: Pick<RealtimeEnv, 'sendBufferBytes' | 'messagesPerSecond'>;
  handle(connection: Connection, message: ClientMessage): Promise<void>;
  /** @returns what the client is told */
  refused(connection: Connection, error: unknown): RivuletError;
  closing(reason: CloseReason): void;
  forget(connection: Connection): void;
}
