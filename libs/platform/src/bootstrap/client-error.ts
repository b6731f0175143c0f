import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { isAnswering } from './one-answer-at-a-time';
import { writeProblem } from './write-problem';

const ERRORS: Record<string, [ErrorCode, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['REQUEST_TOO_LARGE', 'The headers are larger than the server accepts.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['REQUEST_TOO_LARGE', 'The chunk extensions are larger than accepted.'],
  HPE_INVALID_VERSION: ['REQUEST_INVALID', 'The server speaks HTTP/1.1 and HTTP/1.0.'],
  HPE_PAUSED_H2_UPGRADE: ['REQUEST_INVALID', 'The server speaks HTTP/1.1, and not HTTP/2.'],
  HPE_INVALID_CONTENT_LENGTH: ['REQUEST_INVALID', 'The Content-Length header is not valid.'],
  HPE_UNEXPECTED_CONTENT_LENGTH: ['REQUEST_INVALID', 'The request says twice how long its body is.'],
  HPE_INVALID_TRANSFER_ENCODING: ['REQUEST_INVALID', 'The Transfer-Encoding header is not valid.'],
  HPE_INVALID_HEADER_TOKEN: ['REQUEST_INVALID', 'A header has a character that none may have.'],
  HPE_INVALID_CHUNK_SIZE: ['REQUEST_INVALID', 'The body is not in chunks, as its header says.'],
};

/** Nothing that is written after these would be read. */
const OF_TLS = /^(ERR_SSL_|ERR_TLS_|EPROTO)/;

/** Answers what never became a request: Node could not parse it, or gave up waiting for the rest of it. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // A problem written now would end up in the middle of the answer that is on its way.
  if (
    error.code === 'ECONNRESET' ||
    !socket.writable ||
    isAnswering(socket) ||
    OF_TLS.test(error.code ?? '')
  ) {
    socket.destroy();
    return;
  }
  const [code, detail] = ERRORS[error.code ?? ''] ?? ['REQUEST_INVALID', 'This is not an HTTP request.'];
  writeProblem(socket, new RivuletError(code, detail));
}

/** CONNECT is for proxies. Node hangs up on it where nobody listens. */
export function answerConnect(socket: Duplex): void {
  writeProblem(
    socket,
    new RivuletError('METHOD_NOT_ALLOWED', 'This server is no proxy: it takes no CONNECT.'),
  );
}
