import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  configureApp,
  createLogger,
  httpAdapter,
  loadEnvironment,
  nestLogger,
  rootModule,
} from '@rivulet/platform';
import { EdgeModule } from '../src/edge.module';
import { HUB_RETRIES, HUB_TIMEOUTS, hubRetries, hubTimeouts } from '../src/hub/call-limits';
import type { HubTimeouts } from '../src/hub/http-hub';
import type { RetrySettings } from '../src/hub/transfer/retry';

/** The differences of a test's edge from a real one. */
export interface EdgeLimits extends Partial<HubTimeouts>, Partial<RetrySettings> {}

/** The whole edge app in this process, with other limits for calls of central. It is neither initialised nor listening. */
export async function createEdgeApp(
  variables: Record<string, string>,
  limits: EdgeLimits,
  onLogLine: (line: string) => void = () => undefined,
): Promise<NestFastifyApplication> {
  const { environment } = loadEnvironment(EdgeModule.environment, {
    EDGE_DEVICE_AUTH: 'mac',
    // Tests of cycles have no others than their own.
    EDGE_LIVE: 'false',
    ...variables,
  });
  const logger = createLogger({ app: 'edge', format: 'json', destination: { write: onLogLine } });
  const module = EdgeModule.forRoot(environment, variables['EDGE_DATABASE_URL']);
  const { requestTimeoutMs, idleTimeoutMs, pace } = { ...hubTimeouts, ...limits };
  const { retries, minDelayMs, maxDelayMs } = { ...hubRetries, ...limits };
  const testing = await Test.createTestingModule({ imports: [rootModule({ module, logger })] })
    .overrideProvider(HUB_TIMEOUTS)
    .useValue({ requestTimeoutMs, idleTimeoutMs, ...(pace && { pace }) })
    .overrideProvider(HUB_RETRIES)
    .useValue({ retries, minDelayMs, maxDelayMs })
    .compile();
  const app = testing.createNestApplication<NestFastifyApplication>(httpAdapter(logger), {
    logger: nestLogger(logger),
  });
  return configureApp(app, { logger, openApi: { title: 'Rivulet edge', description: 'For a test.' } });
}
