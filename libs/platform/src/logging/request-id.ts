import type { IncomingMessage } from 'node:http';
import { ulid } from 'ulid';

export const REQUEST_ID_HEADER = 'x-request-id';

const ACCEPTABLE = /^[A-Za-z0-9_-]{1,64}$/;

/** The caller's own request id where it is harmless in a log, else a new ULID. */
export function requestIdOf(request: IncomingMessage, newId: () => string = ulid): string {
  const given = request.headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && ACCEPTABLE.test(given) ? given : newId();
}
