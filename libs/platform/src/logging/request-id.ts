import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ulid } from 'ulid';

export const REQUEST_ID_HEADER = 'x-request-id';

const ACCEPTABLE = /^[A-Za-z0-9_-]{1,64}$/;

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);
let used = 0;

/** A byte of the system's randomness as a fraction. Asking for each by itself took a tenth of a small request's time. */
function random(): number {
  if (used === pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  return pool[used++]! / 256;
}

/** The caller's own request id where it is harmless in a log, else a new ULID. */
export function requestIdOf(
  request: IncomingMessage,
  newId: () => string = () => ulid(undefined, random),
): string {
  const given = request.headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && ACCEPTABLE.test(given) ? given : newId();
}
