import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { createApp, createLogger, loadEnvironment } from '@rivulet/platform';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { ADMIN_PASSWORD } from './operator';
import { CentralModule } from '../../apps/central/src/central.module';

/** Central as it runs in production, in the process of the test, on a database of its own with the demo data. */
export class CentralInProcess {
  private constructor(
    readonly database: TestDatabase,
    readonly url: string,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(variables: Record<string, string> = {}): Promise<CentralInProcess> {
    const database = await createTestDatabase();
    const { environment } = loadEnvironment(CentralModule.environment, {
      CENTRAL_DATABASE_URL: database.url,
      CENTRAL_DEMO_DATA: 'true',
      CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
      ...variables,
    });
    const app = await createApp({
      module: CentralModule.forRoot(environment, { url: database.url, isEmbedded: false }),
      logger: createLogger({ app: 'central', level: 'silent' }),
      openApi: { title: 'Rivulet central', description: 'For a test.' },
    });
    await app.listen(0, '127.0.0.1');
    return new CentralInProcess(database, await app.getUrl(), async () => {
      await app.close();
      await database.drop();
    });
  }

  /** @returns the status, and the body as decoded JSON */
  async call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<[number, T]> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    return [response.status, (text === '' ? undefined : JSON.parse(text)) as T];
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
