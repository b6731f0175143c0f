import type { Socket } from 'node:net';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { ulid } from 'ulid';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../problem/problem';

const ERRORS: Record<string, [ErrorCode, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_INVALID', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['REQUEST_TOO_LARGE', 'The headers are larger than the server accepts.'],
};

/** Answers what never became a request: Node could not parse it, or gave up waiting for the rest of it. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [code, detail] = ERRORS[error.code ?? ''] ?? ['REQUEST_INVALID', 'This is not an HTTP request.'];
  const problem = problemOf(new RivuletError(code, detail), { instance: '', requestId: ulid() });
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
