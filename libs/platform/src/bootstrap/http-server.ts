import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { AppLogger } from '../logging/logger';
import { answerConnect } from './client-error';
import type { ServerTls } from '../tls/server-tls';
import { oneAnswerAtATime } from './one-answer-at-a-time';

export interface HttpServerSettings {
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  /** HTTPS with it. */
  tls?: ServerTls | undefined;
}

/** Which requests are upgraded, by server: it is made before the app that knows. */
const upgradesOf = new WeakMap<Server, (request: IncomingMessage) => boolean>();

type FirstListener = (request: IncomingMessage, response: ServerResponse, usually: RequestListener) => void;
/** Who sees requests before the app. */
const firstOf = new WeakMap<Server, FirstListener>();

/** Request line and headers together, which is also Node's default. */
const HEAD_MAX_BYTES = 16_384;

/**
 * Node's server, with all that it would answer by itself, and without a body, left to us: requests without Host, and
 * with an expectation that nobody knows (odd-requests.ts). Upgrades that nobody takes are ignored, as RFC 9110 (7.8)
 * allows: the answer is one of HTTP/1.1.
 */
export function createHttpServer(
  listener: RequestListener,
  logger: AppLogger,
  { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, tls }: HttpServerSettings,
): Server {
  const options = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(headersTimeoutMs / 2, 5000),
    maxHeaderSize: HEAD_MAX_BYTES,
    requireHostHeader: false,
    shouldUpgradeCallback: (request: IncomingMessage): boolean => upgradesOf.get(server)?.(request) ?? false,
  };
  const first: RequestListener = (request, response) => {
    const taker = firstOf.get(server);
    if (taker === undefined) listener(request, response);
    else taker(request, response, listener);
  };
  const inTurn = oneAnswerAtATime(first, ({ socket }) => {
    const address = socket.remoteAddress ?? '';
    logger.info({ address }, `Closed a connection on which ${address} sent too many requests ahead`);
  });
  const server: Server = tls?.isOn
    ? secured(tls, createHttpsServer({ ...options, ...tls.options }, inTurn))
    : createServer(options, inTurn);
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request, socket) => answerConnect(socket));
  return server;
}

function secured(tls: ServerTls, server: HttpsServer): Server {
  tls.follow(server);
  return server;
}

/** Requests are given to `first`, which hands on what it does not answer. */
export function answerFirst(server: Server, first: FirstListener): void {
  firstOf.set(server, first);
}

export function takeUpgrades(
  server: Server,
  isTaken: (request: IncomingMessage) => boolean,
  take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): void {
  upgradesOf.set(server, isTaken);
  server.on('upgrade', take);
}
