import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Global, Injectable, Module } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { DrainState } from '../health/drain-state';
import type { AppLogger } from '../logging/logger';
import type { Refusals } from '../access/refusals';
import type { RateLimits } from '../access/rate-limits';
import { LINE_CAUSE } from '../logging/repeated-lines';
import { requestIdOf } from '../logging/request-id';
import { pathOf } from '../logging/request-log';
import { errorStatus } from '../problem/error-status';
import { namedError } from '../problem/named-error';
import { takeUpgrades } from './http-server';
import { pathOnly } from './odd-requests';
import type { TrustedProxies } from '../addresses/trusted-proxies';
import { writeProblem } from './write-problem';

export interface Upgrade {
  request: IncomingMessage;
  /** Paused until somebody reads it. */
  socket: Duplex;
  head: Buffer;
  requestId: string;
  /** The address of the caller, behind trusted proxies. */
  address: string;
  /** Aborts when the handler has taken too long, or the peer has gone. */
  signal: AbortSignal;
}

/**
 * Takes a WebSocket handshake: `openWebSocket` with a `WebSocketServer` of `ws` with `noServer`, after whatever must be
 * asked first. What it throws before the handshake is answered as a problem, as a route's would be.
 */
export type UpgradeHandler = (upgrade: Upgrade) => Promise<void>;

interface UpgradeSurroundings {
  logger: AppLogger;
  proxies: TrustedProxies;
  limits: RateLimits;
  refusals: Refusals;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * WebSocket handshakes by path, as many as there are features that want one. They pass none of the hooks, guards and
 * pipes of the routes: the handler authenticates. An upgraded connection counts to no limit of HTTP and must have its own;
 * it is cut when the server closes, after the modules are destroyed, which is when they say goodbye.
 */
@Injectable()
export class UpgradeRouter {
  private readonly handlers = new Map<string, UpgradeHandler>();

  constructor(private readonly drainState: DrainState) {}

  /** @param path - whole, such as `/ws/agent` */
  add(path: string, handler: UpgradeHandler): void {
    if (this.handlers.has(path)) throw new TypeError(`There is a handler of ${path} already.`);
    this.handlers.set(path, handler);
  }

  attach(server: Server, surroundings: UpgradeSurroundings): void {
    const isTaken = (request: IncomingMessage): boolean =>
      isHandshake(request) && this.handlers.has(routeOf(request));
    takeUpgrades(server, isTaken, (request, socket, head) => {
      surroundings.proxies.settle(request);
      void this.take(request, socket, head, surroundings);
    });
  }

  private async take(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { logger, proxies, limits, refusals }: UpgradeSurroundings,
  ): Promise<void> {
    const startedAtMs = performance.now();
    const requestId = requestIdOf(request);
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), HANDSHAKE_TIMEOUT_MS);
    const abort = (): void => over.abort();
    socket.on('error', abort).on('close', abort);
    const address = proxies.addressOf(request);
    const upgrade = { request, socket, head, requestId, address, signal: over.signal };
    const failure = await this.handle(upgrade)
      .catch(namedError)
      .then((error) => error && limits.refusalAfter(address, error));
    clearTimeout(timer);
    if (failure !== undefined && errorStatus[failure.code] < 500) limits.countAnonymous(address);
    if (failure !== undefined) {
      const { code, message: detail } = failure;
      refusals.note({ code, detail, address, requestId, where: `GET ${routeOf(request)}` });
    }
    if (failure !== undefined) writeProblem(socket, failure, { instance: pathOf(request), requestId });
    socket.off('error', abort).off('close', abort);
    logUpgrade(logger, upgrade, Math.round(performance.now() - startedAtMs), failure);
  }

  private async handle(upgrade: Upgrade): Promise<undefined> {
    if (this.drainState.draining)
      throw new RivuletError('SHUTTING_DOWN', 'The server is shutting down and takes no new work.');
    const { promise: late, reject } = Promise.withResolvers<never>();
    const giveUp = (): void =>
      reject(new RivuletError('REQUEST_TIMEOUT', 'The handshake took too long, or the peer has gone.'));
    upgrade.signal.addEventListener('abort', giveUp, { once: true });
    try {
      await Promise.race([this.handlers.get(routeOf(upgrade.request))!(upgrade), late]);
    } finally {
      upgrade.signal.removeEventListener('abort', giveUp);
    }
  }
}

/** There for every app, whether it has such paths or not. */
@Global()
@Module({ providers: [UpgradeRouter], exports: [UpgradeRouter] })
export class UpgradesModule {}

function isHandshake({ method, headers }: IncomingMessage): boolean {
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && !hasBody;
}

function routeOf(request: IncomingMessage): string {
  return pathOnly(request).split('?', 1)[0]!;
}

function logUpgrade(
  logger: AppLogger,
  { request, requestId, address }: Upgrade,
  ms: number,
  failure: RivuletError | undefined,
): void {
  const url = pathOf(request);
  const status = failure === undefined ? 101 : errorStatus[failure.code];
  const level = status < 500 ? 'info' : status >= 502 && status <= 504 ? 'warn' : 'error';
  const fields = {
    requestId,
    method: 'GET',
    url,
    status,
    ms,
    address,
    ...(failure && { code: failure.code }),
    ...(status >= 500 && failure?.cause !== undefined && { err: failure.cause }),
    [LINE_CAUSE]: { cause: `${address} ${url} ${status} ${failure?.code ?? ''}`, origin: address },
  };
  logger[level](fields, `GET ${url} ${status} in ${ms} ms${failure ? `: ${failure.message}` : ''}`);
}
