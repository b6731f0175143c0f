import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { LightMyRequestResponse } from 'fastify';
import { startWorker } from '../../apps/worker/test/worker-in-process';
import { startAppInProcess } from '../support/apps/apps-in-process';
import { countInput, fuzzedRequests, tellInputs } from '../support/histories/fuzz-length';
import { beginUpload, type BegunUpload } from '../support/attacks/fuzzed-upload';
import { historySeed } from '../support/histories/history-length';
import { oddRequest, seededRandom, type FuzzedCaller, type FuzzedRoute } from '../support/attacks/odd-inputs';
import { fuzzedRoutes } from '../support/documents/open-api-routes';
import { asAdmin, bearer } from '../support/clients/operator';
import { DEMO_MAC } from '../support/apps/sync-pair';

jest.setTimeout(60_000 + fuzzedRequests * 50);
tellInputs('routes');

const AT_ONCE = 14;
const SEEN_MAX = 200;
/** Names that a route could take. */
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;

interface Fuzzed {
  upload?: BegunUpload;
  app: NestFastifyApplication;
  caller: FuzzedCaller;
  stop(): Promise<void>;
}

const apps: Record<string, () => Promise<Fuzzed>> = {
  central: async () => {
    const running = await startAppInProcess('central', {
      CENTRAL_RATE_LIMIT_DEVICE: '0',
      CENTRAL_RATE_LIMIT_OPERATOR: '0',
      CENTRAL_RATE_LIMIT_ADDRESS: '0',
    });
    return orStop(
      () => running.stop(),
      async () => {
        const made = await running.app.inject({
          method: 'POST',
          url: '/api/me/api-keys',
          headers: asAdmin,
          payload: { name: 'fuzz', role: 'admin' },
        });
        const headers: Record<string, string>[] = [
          { 'x-device-mac': DEMO_MAC },
          bearer(made.json<{ key: string }>().key),
          {},
        ];
        const upload = await beginUpload(running.app, await registered(running.app), headers[0]!);
        const seen = ['default', '1', upload.runId];
        return { ...running, upload, caller: { headers: [...headers, ...headers.slice(0, 2)], seen } };
      },
    );
  },
  edge: async () => {
    // What answers is no central, so a request to sync fails at once, and is not tried again.
    const elsewhere = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const { port } = elsewhere.address() as AddressInfo;
    const variables = { EDGE_CENTRAL_URL: `http://127.0.0.1:${port}` };
    const close = (): unknown => elsewhere.close();
    const running = await orStop(close, () => startAppInProcess('edge', variables));
    const stop = async (): Promise<void> => {
      await running.stop();
      elsewhere.close();
    };
    return { ...running, stop, caller: { headers: [{}], seen: ['1'] } };
  },
  worker: async () => {
    const key = 'the-key-of-this-worker';
    const running = await startWorker({ WORKER_INTERNAL_KEY: key, WORKER_TASK_TIMEOUT: '100ms' });
    const headers: Record<string, string>[] = [{ 'x-internal-key': key }, {}];
    return { ...running, caller: { headers, seen: [] } };
  },
};

/** What is open when the rest cannot be started would keep Jest from ending. */
async function orStop<T>(stop: () => unknown, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The id of the device that the demo data has. */
async function registered(app: NestFastifyApplication): Promise<string> {
  const payload = { name: 'gate', macAddress: DEMO_MAC };
  const made = await app.inject({ method: 'POST', url: '/api/devices', headers: asAdmin, payload });
  return made.json<{ deviceId: string }>().deviceId;
}

/** A body of frames where the route takes them, and an offer that is nearly that of the run. */
function withUpload(route: FuzzedRoute, upload: BegunUpload | undefined): FuzzedRoute {
  if (upload === undefined || !route.route.includes('/collection/runs/')) return route;
  const own = route.route.replace(':runId', upload.runId);
  if (own.endsWith('/chunks'))
    return { route: own, binary: { type: upload.contentType, bytes: upload.frames } };
  return own.endsWith('/offer') ? { route: own, body: upload.offer } : { ...route, route: own };
}

/** Keeps names out of an answer, with which later requests get further. */
function learn(seen: string[], body: string): void {
  for (const [, name] of body
    .slice(0, 20_000)
    .matchAll(/"(?:\w*id|name|version|manifestId)":"?([^",}]+)/gi)) {
    if (seen.length < SEEN_MAX && NAME.test(name!) && !seen.includes(name!)) seen.push(name!);
  }
}

type Request = ReturnType<typeof oddRequest>;
type Answer = Pick<LightMyRequestResponse, 'statusCode' | 'headers' | 'body'>;

/** Events go on for as long as what they are about, so these are left once they have begun. */
async function answerTo(app: NestFastifyApplication, request: Request): Promise<Answer> {
  const response = await app.inject({ ...request, payloadAsStream: true });
  const { statusCode, headers } = response;
  if (headers['content-type']?.startsWith('text/event-stream') === true) {
    response.raw.res.destroy();
    return { statusCode, headers, body: '' };
  }
  return { statusCode, headers, body: await text(response.stream()) };
}

describe.each(Object.keys(apps))('%s', (name) => {
  let fuzzed: Fuzzed;

  beforeAll(async () => {
    fuzzed = await apps[name]!();
  });
  afterAll(() => fuzzed?.stop());

  it(`answers ${fuzzedRequests} odd requests, and none with an error of its own`, async () => {
    const random = seededRandom(historySeed);
    const { app, caller, upload } = fuzzed;
    const known = await fuzzedRoutes(app);
    const routes = [
      ...known,
      ...known.map((route) => withUpload(route, upload)).filter((route) => !known.includes(route)),
    ];
    const statuses = new Map<number, number>();
    for (let count = 0; count < fuzzedRequests; count += AT_ONCE) {
      const requests = Array.from({ length: AT_ONCE }, () => oddRequest(random, routes, caller));
      const answers = await Promise.all(requests.map((request) => answerTo(app, request)));
      for (const [index, { statusCode, headers, body }] of answers.entries()) {
        countInput();
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
        if (statusCode < 300) learn(caller.seen, body);
        const isProblem = headers['content-type'] === 'application/problem+json';
        // A machine that is busy with other tests lets the checks of health take too long, and health says so.
        const { url } = requests[index]!;
        const isHealth = statusCode === 503 && typeof url === 'string' && url.startsWith('/health');
        if (statusCode < 400 || isHealth || (isProblem && !body.includes('"code":"INTERNAL"'))) continue;
        throw new Error(`${statusCode} ${body}\n${describeRequest(requests[index]!)}`);
      }
    }
    // The inputs reach what is behind the checks, too.
    expect([200, 400, 404].filter((status) => (statuses.get(status) ?? 0) < 10)).toEqual([]);
  });
});

function describeRequest(request: Request): string {
  const body = Buffer.isBuffer(request.payload) ? request.payload.toString('latin1') : '';
  return JSON.stringify({ ...request, payload: body.slice(0, 1_000) });
}
