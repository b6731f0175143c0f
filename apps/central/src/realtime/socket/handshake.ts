import type { IncomingMessage } from 'node:http';
import { RivuletError } from '@rivulet/errors';

/** The protocol that a client asks for when it sends its token as another one. */
export const SUBPROTOCOL = 'rivulet.realtime';
const TOKEN_PROTOCOL = 'bearer.';

export interface Handshake {
  token: string | undefined;
  /** The client's name for itself, which identifies nobody. */
  userId: string | undefined;
  /** The client subscribes to everything itself. */
  isExplicit: boolean;
}

/** The token comes in a header, as a protocol, or in the query; later as a message otherwise. */
export function readHandshake({ url = '', headers }: IncomingMessage): Handshake {
  const query = new URLSearchParams(url.split('?').slice(1).join('?'));
  const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  const asProtocol = protocols.find((protocol) => protocol.startsWith(TOKEN_PROTOCOL));
  return {
    token:
      bearerOf(headers.authorization) ??
      asProtocol?.slice(TOKEN_PROTOCOL.length) ??
      query.get('token') ??
      undefined,
    userId: query.get('user_id') ?? undefined,
    isExplicit: query.get('subscribe') === 'explicit',
  };
}

export function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
}

/**
 * A page of another site may not use what a browser knows. Pages of the same host may, and what is no page.
 *
 * @throws RivuletError REALTIME_ORIGIN_REFUSED
 */
export function checkOrigin({ headers }: Pick<IncomingMessage, 'headers'>, allowed: readonly string[]): void {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin) || allowed.includes('*')) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new RivuletError(
    'REALTIME_ORIGIN_REFUSED',
    'CENTRAL_REALTIME_ORIGINS does not name the origin of the page.',
  );
}
