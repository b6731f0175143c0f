import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadEnvironment } from '@rivulet/platform';
import { createEdgeApp } from '../test/edge-app';
import { TemporaryDirectory } from '../test/configuration-fixture';
import { EdgeModule } from './edge.module';
import { FeaturesEnv } from './features/features.env';

const directory = new TemporaryDirectory();
let app: NestFastifyApplication;

beforeAll(async () => {
  app = await createEdgeApp(
    {
      EDGE_FEATURES: 'configuration,live',
      EDGE_CENTRAL_URL: 'http://127.0.0.1:9',
      EDGE_MAC_ADDRESS: '48:b0:2d:e9:c3:b7',
      EDGE_CONFIGURATION_DIRECTORY: directory.path,
      EDGE_WORKER_URLS: 'http://127.0.0.1:9',
    },
    { retries: 0 },
  );
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
});
afterAll(async () => {
  await app.close();
  directory.remove();
});

async function get(url: string): Promise<[status: number, body: unknown]> {
  const { statusCode, body } = await app.inject({ method: 'GET', url });
  return [statusCode, body.startsWith('{') ? JSON.parse(body) : body];
}

function featuresOf(text: string): FeaturesEnv {
  return loadEnvironment(EdgeModule.environment, { EDGE_FEATURES: text }).environment.section(FeaturesEnv);
}

describe('an edge with the configuration alone', () => {
  it('has no database, and is ready', async () => {
    expect(await get('/health/ready')).toMatchObject([200, { status: 'ok' }]);
    const [, health] = await get('/health');
    const { details } = health as { details: object };
    expect(Object.keys(details).toSorted()).toEqual(['configuration', 'live', 'process']);
  });

  it('has the routes and metrics of its configuration, and none of the parts that it lacks', async () => {
    expect(await get('/api/configuration')).toMatchObject([200, { name: 'default' }]);
    for (const path of ['/api/sync/status', '/api/sync/history'])
      expect(await get(path)).toMatchObject([404, { code: 'ROUTE_UNKNOWN' }]);
    const [, document] = await get('/api/docs-json');
    const paths = Object.keys((document as { paths: object }).paths);
    expect(paths).toContain('/api/configuration');
    expect(paths.filter((path) => path.includes('sync'))).toEqual([]);
    const [, metrics] = await get('/metrics');
    expect(metrics).toContain('rivulet_edge_live_connected');
    expect(metrics).not.toMatch(/rivulet_edge_(sync|scrub|collect|spool)/);
  });
});

describe('EDGE_FEATURES', () => {
  it.each([
    ['', true],
    ['sync', true],
    ['collection,live', true],
    ['configuration', false],
    ['configuration, live', false],
  ])('"%s" needs a database: %j', (text, needsDatabase) => {
    expect(featuresOf(text).needsDatabase).toBe(needsDatabase);
  });

  it.each(['sink', 'sync,all', 'Sync'])('"%s" stops the start with a sentence that names it', (text) => {
    expect(() => featuresOf(text)).toThrow(
      expect.objectContaining({
        code: 'ENVIRONMENT_INVALID',
        message: expect.stringContaining('EDGE_FEATURES') as string,
      }),
    );
  });
});
