import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { requestInvalid } from '../problem/request-invalid';
import type { Upgrade } from './upgrade-router';

interface HandshakeServer<Socket> {
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    done: (webSocket: Socket) => void,
  ): void;
}

/**
 * What `ws` opens, it opens at once. It answers a handshake that breaks the protocol itself, and says so to nobody: who had
 * kept a place for the connection would keep it for ever.
 *
 * @throws RivuletError REQUEST_INVALID when there is no connection
 */
export function openWebSocket<Socket>(
  server: HandshakeServer<Socket>,
  { request, socket, head }: Upgrade,
): Socket {
  let opened: Socket | undefined;
  server.handleUpgrade(request, socket, head, (webSocket) => (opened = webSocket));
  if (opened !== undefined) return opened;
  throw requestInvalid([{ field: 'handshake', reason: 'is none of RFC 6455, or the peer has gone' }]);
}
