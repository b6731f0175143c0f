import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RivuletError } from '@rivulet/errors';
import { ulid } from 'ulid';
import { REQUEST_ID_HEADER } from '../logging/request-id';
import { retryAfterSeconds } from '../problem/named-error';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../problem/problem';
import { securityHeaders } from './security-headers';

/** By then the peer has read the answer, or never will: it may keep its side of the connection open for ever. */
const LINGER_MS = 1_000;

/** Answers with a problem where there is no response to write it to, and ends the connection. */
export function writeProblem(
  socket: Duplex,
  error: RivuletError,
  at = { instance: '', requestId: ulid() },
): void {
  const { requestId } = at;
  const problem = problemOf(error, at);
  const body = JSON.stringify(problem);
  const seconds = retryAfterSeconds(error);
  const headers = {
    'Content-Type': PROBLEM_MEDIA_TYPE,
    'Content-Length': Buffer.byteLength(body),
    [REQUEST_ID_HEADER]: requestId,
    ...(seconds !== undefined && { 'Retry-After': seconds }),
    ...securityHeaders(''),
    Connection: 'close',
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => undefined);
  // Whoever has answered already has ended it.
  if (socket.writable)
    socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${head.join('')}\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
