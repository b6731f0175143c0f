import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
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

/** Who sees requests first. */
const listenerOf = new WeakMap<Server, RequestListener>();

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
  const first: RequestListener = (request, response) => listenerOf.get(server)!(request, response);
  const inTurn = oneAnswerAtATime(first, ({ socket }) => {
    const address = socket.remoteAddress ?? '';
    logger.info({ address }, `Closed a connection on which ${address} sent too many requests ahead`);
  });
  const server: Server = tls?.isOn
    ? secured(tls, createHttpsServer({ ...options, ...tls.options }, inTurn))
    : createServer(options, inTurn);
  listenerOf.set(server, listener);
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request, socket) => answerConnect(socket));
  return server;
}

function secured(tls: ServerTls, server: HttpsServer): Server {
  tls.follow(server);
  return server;
}

/** Requests are given to what `first` makes, which hands on what it does not answer, `usually` to the app. */
export function listenFirst(server: Server, first: (usually: RequestListener) => RequestListener): void {
  listenerOf.set(server, first(listenerOf.get(server)!));
}

export function takeUpgrades(
  server: Server,
  isTaken: (request: IncomingMessage) => boolean,
  take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): void {
  upgradesOf.set(server, isTaken);
  server.on('upgrade', take);
}
