import type { IncomingMessage, RequestListener } from 'node:http';
import { StreamableFile } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppLogger } from '../logging/logger';
import { REQUEST_ID_HEADER, requestIdOf } from '../logging/request-id';
import { logRequest } from '../logging/request-log';
import { sendProblem } from '../problem/send-problem';
import { readJsonBodies } from './body/json-body';
import type { ServerTls } from '../tls/server-tls';
import { answerClientError } from './client-error';
import { createHttpServer } from './http-server';
import { pathOnly } from './odd-requests';
import { securityHeaders } from './security-headers';
import { TrustedProxies } from '../addresses/trusted-proxies';

export interface HttpLimits {
  bodyLimitBytes?: number;
  /** For the whole request to arrive, its body included. */
  requestTimeoutMs?: number;
  headersTimeoutMs?: number;
  keepAliveTimeoutMs?: number;
  /** HTTPS where it is on. */
  tls?: ServerTls | undefined;
  /** None unless given. */
  trustedProxies?: TrustedProxies | undefined;
}

/** The largest body. */
export const DEFAULT_BODY_LIMIT_BYTES = 1024 * 1024;
/** Longer than any name or id in a path of ours, and any segment that is longer is refused. */
const MAX_PARAM_CHARACTERS = 128;

/**
 * Fastify with limits on everything that a caller can make large or slow. X-Forwarded-* is believed of trusted proxies
 * alone. The life of a response is not limited here: a sync or a payload takes as long as it takes.
 */
export function httpAdapter(logger: AppLogger, limits: HttpLimits = {}): FastifyAdapter {
  const proxies = limits.trustedProxies ?? new TrustedProxies();
  const settings = {
    tls: limits.tls,
    headersTimeoutMs: limits.headersTimeoutMs ?? 10_000,
    requestTimeoutMs: limits.requestTimeoutMs ?? 30_000,
    keepAliveTimeoutMs: limits.keepAliveTimeoutMs ?? 30_000,
  };
  return new Adapter({
    serverFactory: (listener: RequestListener) => createHttpServer(listener, logger, settings),
    // The first that is asked of a request.
    rewriteUrl: (request: IncomingMessage) => {
      proxies.settle(request);
      return pathOnly(request);
    },
    bodyLimit: limits.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_CHARACTERS, ignoreTrailingSlash: false },
    genReqId: (request: IncomingMessage) => requestIdOf(request),
    // By then the header holds the one address that counts, or is gone.
    trustProxy: proxies.isEmpty
      ? false
      : (address: string, hop: number) => hop === 0 && proxies.trust(address),
    // DrainState decides what is refused while the process stops, and health is not.
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      for (const [name, value] of Object.entries(securityHeaders(''))) reply.header(name, value);
      reply.header(REQUEST_ID_HEADER, request.id);
      sendProblem(request, reply, error);
      logRequest(logger, request, reply);
    },
  });
}

class Adapter extends FastifyAdapter {
  override registerParserMiddleware(): void {
    readJsonBodies(this.getInstance());
  }

  /**
   * Has Fastify alone send a stream, and destroy it when the answer breaks off. Nest listens on the connection besides, for
   * answers that wait behind others, which ours never do (one-answer-at-a-time.ts); and so keeps the first of
   * each connection, with all that it was made of, for as long as that is open: 24 KiB.
   */
  override reply(
    response: FastifyReply,
    body: unknown,
    statusCode?: number,
  ): ReturnType<FastifyAdapter['reply']> {
    if (!(body instanceof StreamableFile) || response.request?.method === 'HEAD')
      return super.reply(response, body, statusCode);
    const { type, disposition, length } = body.getHeaders();
    const headers = { 'content-type': type, 'content-disposition': disposition, 'content-length': length };
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined && !response.hasHeader(name)) response.header(name, value);
    return super.reply(response, body.getStream(), statusCode);
  }
}
