import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { request, type IncomingMessage } from 'node:http';
import type { Abstract } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, createLogger, loadEnvironment, manageConnections } from '@rivulet/platform';
import { createTemplate, createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { ADMIN_PASSWORD, asAdmin } from '../clients/operator';
import { ListeningApp, type RunningApp } from './running-app';
import { CentralModule } from '../../../apps/central/src/central.module';
import { httpOptions, resolveTls } from '../../../apps/central/src/http-options';
import { TcpListener } from '../../../apps/central/src/live/tcp/tcp-listener';

const DEVICE_PATHS =
  /^\/(agent\/register|config\/(agent|version)|api\/(device-|v1\/(register|config(\/|$))))/;

/** Tests make more calls in a minute than callers do; those of the limits say otherwise. */
const NO_RATE_LIMITS = {
  CENTRAL_RATE_LIMIT_DEVICE: '0',
  CENTRAL_RATE_LIMIT_OPERATOR: '0',
  CENTRAL_RATE_LIMIT_ADDRESS: '0',
};

/** Central as it runs in production, in the process of the test, on a database of its own with the demo data. */
export class CentralInProcess {
  private constructor(
    readonly database: TestDatabase,
    readonly url: string,
    private readonly app: NestFastifyApplication,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(variables: Record<string, string> = {}): Promise<CentralInProcess> {
    const isFilled = variables['CENTRAL_DEMO_DATA'] !== 'false';
    const database = await createTestDatabase(isFilled ? await CentralInProcess.template() : undefined);
    const { app, url } = await listen(database.url, { CENTRAL_DEMO_DATA: 'true', ...variables });
    return new CentralInProcess(database, url, app, async () => {
      await app.close();
      await database.drop();
    });
  }

  /** A database that a central has filled: most of the time of its first start is PostgreSQL's. */
  private static template(): Promise<string> {
    return createTemplate('started_central', async (url) => {
      const { app } = await listen(url, { CENTRAL_DEMO_DATA: 'true' });
      await app.close();
    });
  }

  /** Another central on the same database, to be stopped before it. */
  static async join(
    { database }: CentralInProcess,
    variables: Record<string, string> = {},
  ): Promise<CentralInProcess> {
    const { app, url } = await listen(database.url, variables);
    return new CentralInProcess(database, url, app, () => app.close());
  }

  /** For agents over TCP. */
  get agentPort(): number {
    return this.get(TcpListener).port;
  }

  /** A provider of any of its features. */
  get<T extends object>(type: Abstract<T>): T {
    return this.app.get(type, { strict: false });
  }

  /**
   * As the admin, except on the paths of devices.
   *
   * @returns the status, and the body as decoded JSON
   */
  async call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<[number, T]> {
    const own = DEVICE_PATHS.test(path) || 'x-device-mac' in headers ? {} : asAdmin;
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...own, ...type, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    return [response.status, (text === '' ? undefined : JSON.parse(text)) as T];
  }

  /** What the admin is answered, as it is. */
  async text(path: string): Promise<string> {
    const response = await fetch(`${this.url}${path}`, { headers: asAdmin });
    return response.text();
  }

  /** @returns the status, the body, and Retry-After */
  async callFrom(
    localAddress: string,
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<[number, Record<string, unknown>, string | undefined]> {
    const call = request(`${this.url}${path}`, {
      method,
      localAddress,
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    });
    call.end(body && JSON.stringify(body));
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const text = (await response.toArray()).join('');
    return [
      response.statusCode!,
      JSON.parse(text) as Record<string, unknown>,
      response.headers['retry-after'],
    ];
  }
}

/** As the process that `startApp` starts. */
export async function startCentralInProcess(variables: Record<string, string>): Promise<RunningApp> {
  const own = { CENTRAL_DEVICE_AUTH: 'mac', ...variables };
  const { app, url } = await listen(variables['CENTRAL_DATABASE_URL']!, own);
  return new ListeningApp(app, url, undefined);
}

async function listen(
  databaseUrl: string,
  variables: Record<string, string>,
): Promise<{ app: NestFastifyApplication; url: string }> {
  const { environment } = loadEnvironment(CentralModule.environment, {
    CENTRAL_DATABASE_URL: databaseUrl,
    CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
    CENTRAL_AGENT_PORT: '0',
    ...NO_RATE_LIMITS,
    ...variables,
  });
  const secured = resolveTls(environment);
  const http = httpOptions(environment, secured);
  const app = await createApp({
    module: CentralModule.forRoot(environment, { url: databaseUrl, isEmbedded: false }, secured),
    logger: createLogger({ app: 'central', level: 'silent' }),
    openApi: { title: 'Rivulet central', description: 'For a test.' },
    ...http,
  });
  manageConnections(app, http);
  await app.listen(Number(variables['CENTRAL_PORT'] ?? 0), '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, url: `${http.tls?.isOn === true ? 'https' : 'http'}://127.0.0.1:${port}` };
}
