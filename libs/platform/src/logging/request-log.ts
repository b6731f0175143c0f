import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '@rivulet/errors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Level } from 'pino';
import type { PrincipalRequest } from '../access/principal';
import type { AppLogger } from './logger';
import { pinoLogger } from './logging.module';
import { causeOfMessage, LINE_CAUSE, type LineCause } from './repeated-lines';
import { durationOf } from './request-duration';
import { REQUEST_ID_HEADER } from './request-id';

/** Why a request was answered with a problem, or its answer broke off. */
export interface RequestFailure {
  code: ErrorCode;
  detail: string;
  /** The HTTP status of the code, also where another one had been sent before the failure. */
  status: number;
  /** There when its stack helps. */
  error?: unknown;
}

/**
 * What is to be logged of a request, on the request itself. In a WeakMap it would outlive many collections, and the
 * request with it: central grew by 100 MB and more under load.
 */
const FAILURE = Symbol('failure');
const LATE_LINE = Symbol('late line');

interface LoggedMessage extends IncomingMessage {
  [FAILURE]?: RequestFailure;
  [LATE_LINE]?: () => void;
}

const MAX_PATH_CHARACTERS = 200;
const PROBE = /^\/(health|metrics)(\/|$)/;

/**
 * Kept until the response has ended, so that a failed request leaves one line and not two. A failure after the
 * caller has gone gets a line of its own.
 */
export function noteFailure(request: LoggedMessage, failure: RequestFailure): void {
  request[FAILURE] = failure;
  request[LATE_LINE]?.();
}

/** Undefined for a request that was answered as asked. */
export function failureOf(request: LoggedMessage): RequestFailure | undefined {
  return request[FAILURE];
}

/**
 * One line per request, when its response has ended or was cut off, and the request id on every line that is logged
 * on the way. A query string may hold a secret and is left out.
 */
export function installRequestLog(instance: FastifyInstance, logger: AppLogger): void {
  const context = pinoLogger(logger);
  instance.addHook('onRequest', (request, reply, done) => {
    reply.raw.setHeader(REQUEST_ID_HEADER, request.id);
    reply.raw.once('close', () => {
      logRequest(logger, request, reply);
      (request.raw as LoggedMessage)[LATE_LINE] = () => logRequest(logger, request, reply);
    });
    context.runInContext(done, { bindings: { requestId: request.id } });
  });
}

export function logRequest(logger: AppLogger, request: FastifyRequest, reply: FastifyReply): void {
  const isCut = reply.raw.destroyed && !reply.raw.writableEnded;
  const failure = (request.raw as LoggedMessage)[FAILURE];
  const path = pathOf(request.raw);
  const status = reply.raw.statusCode;
  const level = levelOf(path, failure?.status ?? status, failure !== undefined);
  if (!logger.isLevelEnabled(level)) return;
  const { principal } = request as FastifyRequest & PrincipalRequest;
  const fields = {
    requestId: request.id,
    method: request.method,
    url: path,
    status,
    ms: Math.round(durationOf(reply)),
    ...(principal?.kind === 'device' && { device: principal.name }),
    ...(principal?.kind === 'operator' && { operator: principal.name }),
    ...(isCut && { cut: true }),
    ...(failure && { code: failure.code }),
    ...(failure?.error !== undefined && { err: failure.error }),
    [LINE_CAUSE]: lineCause(request, failure?.status ?? status, isCut, failure),
  };
  const outcome = isCut ? 'cut off' : String(status);
  const why = failure ? `: ${failure.detail}` : '';
  logger[level](fields, `${request.method} ${path} ${outcome} in ${fields.ms} ms${why}`);
}

/** A caller can make up any number of wrong requests, which are limited together. */
function lineCause(
  request: FastifyRequest & PrincipalRequest,
  status: number,
  isCut: boolean,
  failure: RequestFailure | undefined,
): LineCause {
  const origin = request.principal?.kind === 'device' ? request.principal.id : request.ip;
  const what = [request.method, causeOfMessage(pathOf(request.raw)), isCut ? 'cut' : status];
  const why = failure ? [failure.code, causeOfMessage(failure.detail), errorText(failure.error)] : [];
  // Joining makes one text. A template would make a tree of its parts, and it is kept for a minute.
  const cause = [origin, ...what, ...why].join(' ');
  return status >= 400 && status < 500 ? { cause, origin } : { cause };
}

function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : '';
}

export function pathOf(request: IncomingMessage): string {
  const path = (request.url ?? '').split('?', 1)[0]!;
  return path.length > MAX_PATH_CHARACTERS ? `${path.slice(0, MAX_PATH_CHARACTERS)}…` : path;
}

/** A person must act on a 500 alone; 502, 503 and 504 pass, and a wrong request is the caller's to correct. */
function levelOf(path: string, status: number, hasFailed: boolean): Level {
  if (PROBE.test(path) && !hasFailed) return 'debug';
  // Nothing has changed, for any number of devices that ask each half minute.
  if (status === 304) return 'debug';
  if (status < 500) return 'info';
  return status >= 502 && status <= 504 ? 'warn' : 'error';
}
