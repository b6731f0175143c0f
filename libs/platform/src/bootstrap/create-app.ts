import { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { RequestMethod, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RivuletError } from '@rivulet/errors';
import type { FastifyRequest } from 'fastify';
import { Registry } from 'prom-client';
import { AccessControl } from '../access/access-control';
import { AccessGuard } from '../access/access.guard';
import { AccessMetrics } from '../access/access.metrics';
import { AccessModule } from '../access/access.module';
import { Refusals, type Refusal } from '../access/refusals';
import { RouteTable } from '../access/route-table';
import { DrainState } from '../health/drain-state';
import type { AppLogger } from '../logging/logger';
import { loggingModule, nestLogger } from '../logging/logging.module';
import { failureOf, installRequestLog, type RequestFailure } from '../logging/request-log';
import { installHttpMetrics } from '../metrics/http-metrics';
import { RateLimits, type RateLimitSettings } from '../access/rate-limits';
import { MetricsModule } from '../metrics/metrics.module';
import { DeclaredInputGuard } from '../problem/declared-input.guard';
import { namedError } from '../problem/named-error';
import { ProblemFilter } from '../problem/problem.filter';
import { noteProblem } from '../problem/send-problem';
import { validationPipe } from '../problem/validation-pipe';
import { limitBodies } from './body/body-budget';
import { DEFAULT_BODY_LIMIT_BYTES, httpAdapter, type HttpLimits } from './http-adapter';
import { refuseOddRequests } from './odd-requests';
import { setUpOpenApi, type OpenApiOptions } from './open-api';
import { securityHeaders, strictTransportSecurity } from './security-headers';
import { RequestsAtOnce, RequestsAtOnceModule } from './requests-at-once';
import { limitStreams } from './stream-limits';
import { TrustedProxies } from '../addresses/trusted-proxies';
import { UnchangedAnswers, UnchangedAnswersModule } from './unchanged-answers';
import { UpgradeRouter, UpgradesModule } from './upgrade-router';

export interface AppOptions extends HttpLimits {
  /** The composition root. It imports HealthModule; logging and metrics are added here. */
  module: Type | DynamicModule;
  logger: AppLogger;
  openApi: OpenApiOptions;
  /** Calls are counted where this is given. */
  rateLimits?: RateLimitSettings | undefined;
}

const MEBIBYTE = 1024 * 1024;

/** These stand beside /api, where probes and scrapers look for them, and agents of other systems. */
const OUTSIDE_PREFIX = [
  'health',
  'health/live',
  'health/ready',
  'health/startup',
  'metrics',
  'agent/admin',
  'agent/register',
  'config',
  'hit',
  'config/admin',
  'config/agent',
  'config/version',
  'login',
  'api/login',
];

/** The app as it runs in production, short of initialising it and listening: for runApp, and for tests of whole apps. */
export async function createApp(options: AppOptions): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    rootModule(options),
    httpAdapter(options.logger, options),
    { logger: nestLogger(options.logger), abortOnError: false },
  );
  return configureApp(app, options);
}

/** The module that createApp boots. A test may make a testing module of it, override providers and call configureApp. */
export function rootModule({ module, logger }: Pick<AppOptions, 'module' | 'logger'>): DynamicModule {
  return {
    module: AppRoot,
    imports: [
      loggingModule(logger),
      MetricsModule,
      AccessModule,
      UpgradesModule,
      UnchangedAnswersModule,
      RequestsAtOnceModule,
      module,
    ],
  };
}

class AppRoot {}

export function configureApp(
  app: NestFastifyApplication,
  options: Omit<AppOptions, 'module'>,
): NestFastifyApplication {
  const { logger, openApi, bodyLimitBytes, rateLimits, tls } = options;
  const proxies = options.trustedProxies ?? new TrustedProxies();
  const instance = app.getHttpAdapter().getInstance();
  const limits = app.get(RateLimits);
  const drainState = app.get(DrainState);

  app.get(RouteTable).watch(instance);
  installRequestLog(instance, logger);
  const durations = installHttpMetrics(instance, app.get(Registry));
  instance.addHook('onRequest', (request, reply, done) => {
    const headers = securityHeaders(request.url);
    for (const name in headers) reply.raw.setHeader(name, headers[name]!);
    if (request.protocol === 'https') reply.raw.setHeader(...strictTransportSecurity());
    done(drainState.closing && !request.url.startsWith('/health') ? shuttingDown() : undefined);
  });
  if (rateLimits) limits.install(instance, rateLimits);
  const refusals = app.get(Refusals);
  instance.addHook('onResponse', (request, _reply, done) => {
    const failure = failureOf(request.raw);
    if (failure !== undefined) refusals.note(refusalOf(request, failure));
    done();
  });
  refuseOddRequests(instance);
  limitBodies(instance, {
    totalBytes: 32 * MEBIBYTE,
    addressBytes: 16 * MEBIBYTE,
    bodyLimitBytes: bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
  });
  limitStreams(instance);
  app.get(RequestsAtOnce).install(instance);
  app.get(UpgradeRouter).attach(app.getHttpServer(), { logger, proxies, limits, refusals });
  app.get(UnchangedAnswers).attach(app.getHttpServer(), { logger, proxies, limits, durations, tls });
  instance.addHook('onSend', (request, reply, payload, done) => {
    // Also one whose client certificate was judged by files that have been replaced since.
    if (drainState.draining || tls?.isOutdated(request.socket as TLSSocket) === true)
      reply.header('connection', 'close');
    // Fastify breaks the response off when its source fails, and tells nobody why.
    if (payload instanceof Readable)
      payload.once('error', (error) => noteProblem(request, namedError(error)));
    done();
  });

  app.setGlobalPrefix('api', {
    exclude: OUTSIDE_PREFIX.map((path) => ({ path, method: RequestMethod.ALL })),
  });
  app.useGlobalFilters(new ProblemFilter());
  app.useGlobalGuards(
    new AccessGuard(app.get(AccessControl), app.get(AccessMetrics), limits),
    new DeclaredInputGuard(),
  );
  app.useGlobalPipes(validationPipe());
  setUpOpenApi(app, openApi);
  return app;
}

function refusalOf(request: FastifyRequest, { code, detail }: RequestFailure): Refusal {
  const where = `${request.method} ${request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown')}`;
  return { code, detail, address: request.ip, requestId: request.id, where };
}

function shuttingDown(): RivuletError {
  return new RivuletError('SHUTTING_DOWN', 'The server is shutting down and takes no new work.');
}
