import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, createLogger, loadEnvironment } from '@rivulet/platform';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { CentralModule } from '../../apps/central/src/central.module';
import { EdgeModule } from '../../apps/edge/src/edge.module';
import { oddRequest, seededRandom } from '../support/odd-inputs';
import { DEMO_MAC } from '../support/sync-pair';

const SEED = 20_261_127;
const INPUTS = 5_008;
const AT_ONCE = 16;

function moduleOf(app: string, database: TestDatabase, directory: string) {
  if (app === 'central') {
    const { environment } = loadEnvironment(CentralModule.environment, {
      CENTRAL_DEVICE_AUTH: 'mac',
      CENTRAL_DEMO_DATA: 'true',
    });
    return CentralModule.forRoot(environment, { url: database.url, isEmbedded: false });
  }
  const { environment } = loadEnvironment(EdgeModule.environment, {
    EDGE_DEVICE_AUTH: 'mac',
    EDGE_CENTRAL_URL: 'http://127.0.0.1:9',
    EDGE_MAC_ADDRESS: DEMO_MAC,
    EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
    EDGE_SYNC_SCHEDULE: '1d',
    EDGE_FIRST_SYNC_DELAY: '1h',
  });
  return EdgeModule.forRoot(environment, database.url);
}

/** Every route of the document, as `GET /api/x/{id}`, and some that nobody has. */
async function routesOf(app: NestFastifyApplication): Promise<string[]> {
  const document = (await app.inject('/api/docs-json')).json<{ paths: Record<string, object> }>();
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  return [...routes, 'GET /api/{a}', 'POST /{a}/{b}', 'GET /api/docs'];
}

describe.each(['central', 'edge'])('%s', (name) => {
  let database: TestDatabase;
  let directory: string;
  let app: NestFastifyApplication;

  beforeAll(async () => {
    database = await createTestDatabase();
    directory = mkdtempSync(join(tmpdir(), 'rivulet-odd-inputs-'));
    app = await createApp({
      module: moduleOf(name, database, directory),
      logger: createLogger({ app: name, level: 'silent' }),
      openApi: { title: name, description: 'For a test.' },
    });
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
    rmSync(directory, { recursive: true });
  });

  it(`answers ${INPUTS} odd requests, and none with an error of its own`, async () => {
    const random = seededRandom(SEED);
    const routes = await routesOf(app);
    const statuses = new Map<number, number>();
    for (let count = 0; count < INPUTS; count += AT_ONCE) {
      const requests = Array.from({ length: AT_ONCE }, () => oddRequest(random, routes));
      const answers = await Promise.all(requests.map((request) => app.inject(request)));
      for (const [index, { statusCode, headers, body }] of answers.entries()) {
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
        const isProblem = headers['content-type'] === 'application/problem+json';
        if (statusCode < 400 || (statusCode < 500 && isProblem)) continue;
        throw new Error(`${statusCode} ${body}\n${describeRequest(requests[index]!)}`);
      }
    }
    // The inputs reach what is behind the checks, too.
    expect([200, 400, 404].filter((status) => (statuses.get(status) ?? 0) < 50)).toEqual([]);
  });
});

function describeRequest(request: ReturnType<typeof oddRequest>): string {
  const body = Buffer.isBuffer(request.payload) ? request.payload.toString('latin1') : '';
  return JSON.stringify({ ...request, payload: body.slice(0, 500) });
}
