import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, createLogger, loadEnvironment } from '@rivulet/platform';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { ADMIN_PASSWORD, asAdmin } from './operator';
import { CentralModule } from '../../apps/central/src/central.module';
import { TcpListener } from '../../apps/central/src/live/tcp/tcp-listener';

const DEVICE_PATHS =
  /^\/(agent\/register|config\/(agent|version)|api\/(device-|v1\/(register|config(\/|$))))/;

/** Central as it runs in production, in the process of the test, on a database of its own with the demo data. */
export class CentralInProcess {
  private constructor(
    readonly database: TestDatabase,
    readonly url: string,
    private readonly app: NestFastifyApplication,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(variables: Record<string, string> = {}): Promise<CentralInProcess> {
    const database = await createTestDatabase();
    return CentralInProcess.listen(database, { CENTRAL_DEMO_DATA: 'true', ...variables }, () =>
      database.drop(),
    );
  }

  /** Another central on the same database, to be stopped before it. */
  static async join(
    { database }: CentralInProcess,
    variables: Record<string, string> = {},
  ): Promise<CentralInProcess> {
    return CentralInProcess.listen(database, variables, async () => undefined);
  }

  private static async listen(
    database: TestDatabase,
    variables: Record<string, string>,
    onStopped: () => Promise<void>,
  ): Promise<CentralInProcess> {
    const { environment } = loadEnvironment(CentralModule.environment, {
      CENTRAL_DATABASE_URL: database.url,
      CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
      CENTRAL_AGENT_PORT: '0',
      ...variables,
    });
    const app = await createApp({
      module: CentralModule.forRoot(environment, { url: database.url, isEmbedded: false }),
      logger: createLogger({ app: 'central', level: 'silent' }),
      openApi: { title: 'Rivulet central', description: 'For a test.' },
    });
    await app.listen(0, '127.0.0.1');
    return new CentralInProcess(database, await app.getUrl(), app, async () => {
      await app.close();
      await onStopped();
    });
  }

  /** For agents over TCP. */
  get agentPort(): number {
    return this.get(TcpListener).port;
  }

  /** A provider of any of its features. */
  get<T extends object>(type: Type<T>): T {
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
    body: object,
  ): Promise<[number, Record<string, unknown>, string | undefined]> {
    const call = request(`${this.url}${path}`, {
      method,
      localAddress,
      headers: { 'content-type': 'application/json' },
    });
    call.end(JSON.stringify(body));
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const text = (await response.toArray()).join('');
    return [
      response.statusCode!,
      JSON.parse(text) as Record<string, unknown>,
      response.headers['retry-after'],
    ];
  }
}
