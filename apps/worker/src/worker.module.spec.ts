import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { RouteTable } from '@rivulet/platform';
import { workerAudience, workerHeaders, workerSignature } from '@rivulet/protocol';
import { startTarget, startWorker, type RunningWorker } from '../test/worker-in-process';

const KEY = 'a-key-of-sixteen-or-more';

type Answer = [status: number, body: unknown];

async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return [response.status, isJson ? JSON.parse(text) : text];
}

const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  call(`${url}/config`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

function signed(
  body: string,
  { atMs = Date.now(), key = KEY, audience = 'worker-7:8082' } = {},
): Record<string, string> {
  const said = { timestamp: String(atMs), nonce: randomBytes(18).toString('base64url'), audience };
  return {
    [workerHeaders.timestamp]: said.timestamp,
    [workerHeaders.nonce]: said.nonce,
    [workerHeaders.audience]: said.audience,
    [workerHeaders.signature]: workerSignature(key, said, body),
  };
}

describe('a worker with a key', () => {
  let worker: RunningWorker;
  const body = JSON.stringify({ url: 'https://ip.me' });

  beforeAll(
    async () =>
      (worker = await startWorker({ WORKER_INTERNAL_KEY: KEY, WORKER_URLS: 'http://Worker-7:8082/' })),
  );
  afterAll(() => worker.stop());

  it('takes a configuration that is signed, and one with the key from this machine', async () => {
    expect(await post(worker.url, body, signed(body))).toMatchObject([
      200,
      { message: 'Configuration updated' },
    ]);
    expect(await post(worker.url, body, { 'x-internal-key': KEY })).toMatchObject([200, {}]);
    expect(await call(`${worker.url}/config`)).toMatchObject([200, { url: 'https://ip.me' }]);
  });

  it('takes nothing twice', async () => {
    const headers = signed(body);
    expect((await post(worker.url, body, headers))[0]).toBe(200);
    expect(await post(worker.url, body, headers)).toMatchObject([401, { code: 'WORKER_REQUEST_REPLAYED' }]);
  });

  it('takes what is signed for its address, and nothing that was signed for another worker', async () => {
    const { port } = new URL(worker.url);
    const own = [workerAudience(worker.url), workerAudience(`http://localhost:${port}/`)];
    for (const audience of own)
      expect(await post(worker.url, body, signed(body, { audience }))).toMatchObject([200, {}]);
    const others = [
      '127.0.0.1:1',
      `127.0.0.2:${port}`,
      `worker-8:${port}`,
      'worker-7:8082/b',
      'worker-7',
      '',
    ];
    for (const audience of others) {
      const refused = [401, { code: 'WORKER_REQUEST_MISDIRECTED' }];
      expect(await post(worker.url, body, signed(body, { audience }))).toMatchObject(refused);
    }
    // Neither by a header that says something else than what was signed.
    const changed = { ...signed(body, { audience: 'worker-8:8082' }), 'x-audience': 'worker-7:8082' };
    const invalid = [401, { code: 'WORKER_SIGNATURE_INVALID' }];
    expect(await post(worker.url, body, changed)).toMatchObject(invalid);
  });

  it.each([
    ['nothing that shows who it is', {}, 'WORKER_KEY_INVALID'],
    ['another key', { 'x-internal-key': `${KEY}x` }, 'WORKER_KEY_INVALID'],
    [
      'another key, and a signature that holds',
      { 'x-internal-key': 'x', ...signed(body) },
      'WORKER_KEY_INVALID',
    ],
    [
      'the key, through a proxy',
      { 'x-internal-key': KEY, 'x-forwarded-for': '10.0.0.1' },
      'WORKER_KEY_INVALID',
    ],
    ['a signature with another key', signed(body, { key: `${KEY}x` }), 'WORKER_SIGNATURE_INVALID'],
    ['a signature of another body', signed(`${body} `), 'WORKER_SIGNATURE_INVALID'],
    ['a nonce that is too short', { ...signed(body), 'x-nonce': 'short' }, 'WORKER_SIGNATURE_INVALID'],
    ['a part of the headers', { 'x-timestamp': String(Date.now()) }, 'WORKER_SIGNATURE_INVALID'],
    [
      'the key, and a signature that does not hold',
      { 'x-internal-key': KEY, ...signed('{}') },
      'WORKER_SIGNATURE_INVALID',
    ],
    ['a clock that is behind', signed(body, { atMs: Date.now() - 600_000 }), 'WORKER_REQUEST_OUT_OF_TIME'],
    ['a clock that is ahead', signed(body, { atMs: Date.now() + 600_000 }), 'WORKER_REQUEST_OUT_OF_TIME'],
    [
      'a time before the worker began',
      signed(body, { atMs: Date.now() - 60_000 }),
      'WORKER_REQUEST_OUT_OF_TIME',
    ],
    ['a time that is none', signed(body, { atMs: Number.NaN }), 'WORKER_REQUEST_OUT_OF_TIME'],
  ])('refuses %s', async (_, headers, code) => {
    expect(await post(worker.url, body, headers)).toMatchObject([401, { code }]);
  });

  it.each([
    ['no URL', { retries: 1 }, 422, 'WORKER_CONFIGURATION_INVALID'],
    ['a URL that is a number', { url: 1 }, 422, 'WORKER_CONFIGURATION_INVALID'],
    ['a URL of loopback', { url: 'http://127.0.0.1/' }, 403, 'TASK_TARGET_REFUSED'],
    ['a URL of loopback as a number', { config_url: 'http://2130706433/' }, 403, 'TASK_TARGET_REFUSED'],
    ['a list', [], 400, 'REQUEST_INVALID'],
    ['more than a mebibyte', { url: 'x'.repeat(1024 * 1024) }, 413, 'REQUEST_TOO_LARGE'],
  ])('refuses %s, and keeps the one before', async (_, document, status, code) => {
    await post(worker.url, body, { 'x-internal-key': KEY });
    expect(await post(worker.url, document, { 'x-internal-key': KEY })).toMatchObject([status, { code }]);
    expect(await call(`${worker.url}/config`)).toMatchObject([200, { url: 'https://ip.me' }]);
  });

  it('does not show what is named a secret', async () => {
    const document = { url: 'https://ip.me', auth: { 'a/b': 'hunter2', list: ['x', 'hunter3'] }, shown: 1 };
    const secret_paths = ['/auth/a~1b', '/auth/list/1', '/missing/x'];
    await post(worker.url, { ...document, secret_paths }, { 'x-internal-key': KEY });
    expect((await call(`${worker.url}/config`))[1]).toEqual({
      url: 'https://ip.me',
      auth: { 'a/b': '[secret]', list: ['x', '[secret]'] },
      shown: 1,
    });
  });
});

describe('a worker without a key', () => {
  let worker: RunningWorker;
  beforeAll(async () => (worker = await startWorker()));
  afterAll(() => worker.stop());

  it('says that it has no configuration until it has one, and is healthy', async () => {
    expect(await call(`${worker.url}/config`)).toMatchObject([404, { code: 'WORKER_UNCONFIGURED' }]);
    expect(await call(`${worker.url}/hit`)).toMatchObject([404, { code: 'WORKER_UNCONFIGURED' }]);
    expect(await call(`${worker.url}/health`)).toMatchObject([200, {}]);
  });

  it('has the routes of docs/security.md, each with its rule', () => {
    const page = readFileSync(join(__dirname, '../../../docs/security.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `([A-Z]+ \/\S*)` \| ([a-z]+) \|$/gm)];
    const { routes } = worker.app.get(RouteTable);
    expect(Object.fromEntries(rows.map((row) => [row[1], row[2]]))).toEqual(
      Object.fromEntries(
        routes.map(({ method, path, rule }) => [
          `${method} ${path.startsWith('/api/docs/') ? '/api/docs/*' : path}`,
          rule,
        ]),
      ),
    );
  });

  it('takes a configuration from this machine, but not from a page of another site', async () => {
    expect(await post(worker.url, { url: 'https://ip.me' })).toMatchObject([200, {}]);
    expect(
      await post(worker.url, { url: 'https://ip.me' }, { 'sec-fetch-site': 'cross-site' }),
    ).toMatchObject([403, { code: 'CALLER_NOT_LOCAL' }]);
  });
});

describe('the task', () => {
  let worker: RunningWorker;
  let target: Awaited<ReturnType<typeof startTarget>>;
  const seen: string[] = [];
  const routes: Record<string, RequestListener> = {
    '/ok': (_, response) => response.setHeader('content-type', 'text/plain').end('1.2.3.4'),
    '/teapot': (_, response) => response.writeHead(418).end('short and stout'),
    '/large': (_, response) => response.end('x'.repeat(5_000)),
    '/slow': () => undefined,
    '/drip': (_, response) => {
      const timer = setInterval(() => response.write('x'), 50);
      response.once('close', () => clearInterval(timer));
    },
    '/odd': (_, response) => response.writeHead(999).end(),
    '/once': (_, response) => response.writeHead(302, { location: '/ok' }).end(),
    '/for-ever': (_, response) => response.writeHead(302, { location: '/for-ever' }).end(),
    '/metadata': (_, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
    '/private': (_, response) => response.writeHead(307, { location: 'http://167772161/' }).end(),
    '/credentials': (_, response) =>
      response.writeHead(302, { location: 'http://user:password@example.com/' }).end(),
    '/octal': (_, response) => response.writeHead(302, { location: 'http://0251.0376.0251.0376/' }).end(),
    '/mapped': (_, response) => response.writeHead(308, { location: '//[::ffff:169.254.169.254]/' }).end(),
    '/file': (_, response) => response.writeHead(301, { location: 'file:///etc/passwd' }).end(),
  };

  beforeAll(async () => {
    target = await startTarget((request, response) => {
      seen.push(request.url!);
      routes[request.url!]!(request, response);
    });
    worker = await startWorker({
      WORKER_ALLOWED_NETWORKS: 'loopback',
      WORKER_TASK_TIMEOUT: '300ms',
      WORKER_TASK_MAX_BYTES: '4KiB',
      WORKER_TASK_MAX_REDIRECTS: '2',
    });
  });
  afterAll(async () => {
    await worker.stop();
    await target.stop();
  });

  async function hit(path: string): Promise<Answer> {
    await post(worker.url, { url: `${target.url}${path}` });
    return call(`${worker.url}/hit`);
  }

  it('answers with what it was answered', async () => {
    expect(await hit('/ok')).toEqual([200, '1.2.3.4']);
    const { headers } = await fetch(`${worker.url}/hit`);
    expect(headers.get('content-type')).toBe('text/plain');
    expect(await hit('/teapot')).toEqual([418, 'short and stout']);
    expect(await hit('/once')).toEqual([200, '1.2.3.4']);
  });

  it.each([
    ['/large', 502, 'TASK_ANSWER_TOO_LARGE'],
    ['/slow', 504, 'TASK_TIMEOUT'],
    ['/drip', 504, 'TASK_TIMEOUT'],
    ['/odd', 502, 'TASK_FAILED'],
    ['/credentials', 403, 'TASK_TARGET_REFUSED'],
    ['/octal', 403, 'TASK_TARGET_REFUSED'],
    ['/mapped', 403, 'TASK_TARGET_REFUSED'],
    ['/for-ever', 502, 'TASK_FAILED'],
    ['/metadata', 403, 'TASK_TARGET_REFUSED'],
    ['/private', 403, 'TASK_TARGET_REFUSED'],
    ['/file', 403, 'TASK_TARGET_REFUSED'],
  ])('%s ends with %i %s', async (path, status, code) => {
    expect(await hit(path)).toMatchObject([status, { code }]);
  });

  it('of a host that is not there fails', async () => {
    await post(worker.url, { url: 'http://127.0.0.1:9/' });
    expect(await call(`${worker.url}/hit`)).toMatchObject([502, { code: 'TASK_FAILED' }]);
    expect(seen).not.toContain('/latest');
  });
});
