import type { DynamicModule } from '@nestjs/common';
import { Logger, LoggerModule, PinoLogger, type Params } from 'nestjs-pino';
import { errorSummary } from './error-summary';
import type { AppLogger } from './logger';

/** Makes PinoLogger and Nest's Logger write to the logger of the process, inside and outside of requests. */
export function loggingModule(logger: AppLogger): DynamicModule {
  return LoggerModule.forRoot(paramsFor(logger));
}

/** For NestFactory, so that what Nest has to say before the modules are there is logged in the same way. */
export function nestLogger(logger: AppLogger): Logger {
  return new Logger(pinoLogger(logger), paramsFor(logger));
}

/** For the places that Nest injects nothing into. */
export function pinoLogger(logger: AppLogger): PinoLogger {
  return new PinoLogger(paramsFor(logger));
}

/**
 * No middleware (`forRoutes`): request-log.ts gives each request its context in a Fastify hook, which runs for
 * unknown routes as well and knows the route pattern and the Fastify request.
 */
function paramsFor(logger: AppLogger): Params {
  return { pinoHttp: { logger, serializers: { err: errorSummary }, wrapSerializers: false }, forRoutes: [] };
}
