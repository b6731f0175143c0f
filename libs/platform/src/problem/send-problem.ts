import { RivuletError } from '@rivulet/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { noteFailure, pathOf } from '../logging/request-log';
import { errorStatus } from './error-status';
import { namedError, retryAfterSeconds } from './named-error';
import { PROBLEM_MEDIA_TYPE, problemOf } from './problem';

const BROKEN_PIPE_CODES = new Set([
  'ABORT_ERR',
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** Answers a request with the problem document of whatever was thrown, and leaves the reason for the request's log line. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, thrown: unknown): void {
  if (reply.raw.destroyed && isBrokenPipe(thrown)) return;
  const error = named(request, reply, thrown);
  noteProblem(request, error);
  if (reply.sent || reply.raw.headersSent) {
    // Part of another answer is on its way, and only a broken connection says that the rest will not come.
    reply.raw.destroy();
    return;
  }
  const seconds = retryAfterSeconds(error);
  if (seconds !== undefined) reply.header('retry-after', String(Math.ceil(seconds)));
  const problem = problemOf(error, { instance: pathOf(request.raw), requestId: request.id });
  reply
    .code(problem.status)
    .header('content-type', PROBLEM_MEDIA_TYPE)
    .header('cache-control', 'no-store')
    // Bytes, as Fastify would add a charset to the type of a string, and JSON has none (RFC 8259).
    .send(Buffer.from(JSON.stringify(problem)));
}

/** Leaves the reason for the log line of the request. */
export function noteProblem(request: FastifyRequest, { code, message: detail, cause }: RivuletError): void {
  const status = errorStatus[code];
  noteFailure(request.raw, {
    code,
    detail,
    status,
    ...(status >= 500 && cause !== undefined && { error: cause }),
  });
}

/** Whether it is the error that a handler meets when its caller hangs up: the request's line says so already. */
function isBrokenPipe(thrown: unknown): boolean {
  const { code } = (thrown ?? {}) as { code?: unknown };
  return BROKEN_PIPE_CODES.has(String(code));
}

function named(request: FastifyRequest, reply: FastifyReply, thrown: unknown): RivuletError {
  const error = namedError(thrown);
  if (error.code !== 'ROUTE_UNKNOWN' || !request.is404) return error;
  const path = pathOf(request.raw);
  const allowed = allowedMethods(request);
  if (allowed.includes(request.method)) return emptyPart(request, path);
  if (allowed.length === 0) {
    return new RivuletError('ROUTE_UNKNOWN', `There is no route ${request.method} ${path}.`);
  }
  reply.header('allow', allowed.join(', '));
  return new RivuletError(
    'METHOD_NOT_ALLOWED',
    `${path} takes ${allowed.join(' and ')}, not ${request.method}.`,
  );
}

/** The router finds the route of such a path, and refuses to take it. */
function emptyPart({ server, method, raw }: FastifyRequest, path: string): RivuletError {
  const params = server.findRoute({ method, url: withoutQuery(raw.url) })?.params ?? {};
  const name = Object.keys(params).find((key) => !params[key]) ?? 'a part';
  return new RivuletError('REQUEST_INVALID', `${path} lacks ${name}: a part of the path is empty.`, {
    errors: [{ field: name, reason: 'is missing from the path' }],
  });
}

function withoutQuery(url = '/'): string {
  return url.split('?', 1)[0]!;
}

/** The methods that the router has a route for at the path of a request. `findRoute` matches paths, not patterns. */
function allowedMethods({ server, raw }: FastifyRequest): string[] {
  const url = withoutQuery(raw.url);
  return server.supportedMethods.filter((method) => server.findRoute({ method, url }) !== null);
}
