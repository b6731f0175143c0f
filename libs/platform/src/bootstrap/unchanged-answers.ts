import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Global, Injectable, Module } from '@nestjs/common';
import type { RateLimits } from '../access/rate-limits';
import type { TrustedProxies } from '../addresses/trusted-proxies';
import { DrainState } from '../health/drain-state';
import type { AppLogger } from '../logging/logger';
import { REQUEST_ID_HEADER, requestIdOf } from '../logging/request-id';
import type { RequestDurations } from '../metrics/http-metrics';
import type { ServerTls } from '../tls/server-tls';
import { listenFirst } from './http-server';
import { isOdd } from './odd-requests';
import { securityHeaders, strictTransportSecurity } from './security-headers';

/** A call that is answered with 304. */
export interface UnchangedCall {
  deviceId: string;
  etag: string;
  /** Called when it is. */
  onAnswered: () => void;
}

/**
 * Says whether a GET is one that its device is answered with 304, from memory and at once. Undefined for every call
 * about which anything else is to be said or done; it must change nothing for those.
 *
 * @param address - of the caller, behind trusted proxies
 */
export type UnchangedCheck = (request: IncomingMessage, address: string) => UnchangedCall | undefined;

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  usually: RequestListener;
}

interface Surroundings {
  logger: AppLogger;
  proxies: TrustedProxies;
  limits: RateLimits;
  durations: RequestDurations;
  tls?: ServerTls | undefined;
}

const HEADERS = Object.entries(securityHeaders('')).flat();
const SECURE_HEADERS = [...HEADERS, ...strictTransportSecurity()];

/**
 * Answers what nothing has changed for before Fastify and Nest see it: a fleet asks that each half minute, and their
 * way of a request takes most of what such an answer costs. Every other call goes the usual way, as do these once they
 * are one too many, while the process stops, and where the log has a line of each.
 */
@Injectable()
export class UnchangedAnswers {
  private readonly checks = new Map<string, UnchangedCheck>();

  constructor(private readonly drainState: DrainState) {}

  /** @param path - of a route, which must exist */
  add(path: string, check: UnchangedCheck): void {
    this.checks.set(path, check);
  }

  attach(server: Server, surroundings: Surroundings): void {
    listenFirst(server, (usually) => (request, response) => {
      const call = this.find(request, surroundings);
      if (call === undefined) usually(request, response);
      else answer({ request, response, usually }, call, surroundings);
    });
  }

  private find(
    request: IncomingMessage,
    { logger, proxies, tls }: Surroundings,
  ): (UnchangedCall & { address: string }) | undefined {
    const check = request.method === 'GET' ? this.checks.get(request.url!) : undefined;
    if (check === undefined || this.drainState.draining || logger.isLevelEnabled('debug')) return undefined;
    if (tls?.isOutdated(request.socket as TLSSocket) === true || isOdd(request)) return undefined;
    proxies.settle(request);
    const address = proxies.addressOf(request);
    const call = check(request, address);
    return call && { ...call, address };
  }
}

function answer(
  { request, response, usually }: Exchange,
  { deviceId, etag, address, onAnswered }: UnchangedCall & { address: string },
  { limits, durations, proxies }: Surroundings,
): void {
  const startMs = performance.now();
  if (!limits.admitKnown(deviceId, address)) {
    usually(request, response);
    return;
  }
  const headers = isSecure(request, proxies) ? SECURE_HEADERS : HEADERS;
  response.writeHead(304, [...headers, 'etag', etag, REQUEST_ID_HEADER, requestIdOf(request)]).end();
  onAnswered();
  const route = request.url!;
  durations.observe({ method: 'GET', route, status: 304 }, (performance.now() - startMs) / 1_000);
}

/** As Fastify has it: a proxy's word counts, and of two the last. */
function isSecure({ socket, headers }: IncomingMessage, proxies: TrustedProxies): boolean {
  const said = proxies.isEmpty ? undefined : headers['x-forwarded-proto'];
  if (said === undefined) return (socket as Partial<TLSSocket>).encrypted === true;
  return [said].flat().join(',').split(',').at(-1)!.trim() === 'https';
}

@Global()
@Module({ providers: [UnchangedAnswers], exports: [UnchangedAnswers] })
export class UnchangedAnswersModule {}
