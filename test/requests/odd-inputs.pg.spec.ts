import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startAppInProcess, type AppInProcess } from '../support/apps-in-process';
import { oddRequest, seededRandom } from '../support/odd-inputs';

const SEED = 20_261_127;
const INPUTS = 5_008;
const AT_ONCE = 16;

/** Every route of the document, as `GET /api/x/{id}`, and some that nobody has. */
async function routesOf(app: NestFastifyApplication): Promise<string[]> {
  const document = (await app.inject('/api/docs-json')).json<{ paths: Record<string, object> }>();
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  return [...routes, 'GET /api/{a}', 'POST /{a}/{b}', 'GET /api/docs'];
}

describe.each(['central', 'edge'] as const)('%s', (name) => {
  let running: AppInProcess;

  beforeAll(async () => {
    running = await startAppInProcess(name);
  });
  afterAll(() => running.stop());

  it(`answers ${INPUTS} odd requests, and none with an error of its own`, async () => {
    const random = seededRandom(SEED);
    const { app } = running;
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
