import { BadRequestException, ForbiddenException } from '@nestjs/common';
import { errorCatalogue, RivuletError } from '@rivulet/errors';
import type { InjectOptions } from 'fastify';
import { startFixture, type Fixture } from '../../test/fixture-app';
import { errorStatus } from './error-status';
import type { Problem } from './problem';

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});

afterAll(() => fixture.app.close());

beforeEach(() => {
  fixture.behaviour.throws = undefined;
  fixture.takeLines();
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  problem: Problem;
  text: string;
}

async function send(request: InjectOptions): Promise<Answer> {
  const response = await fixture.app.inject(request);
  expect(response.headers['content-type']).toBe('application/problem+json');
  const problem = response.json<Problem>();
  expect(problem.status).toBe(response.statusCode);
  expect(problem.requestId).toBe(response.headers['x-request-id']);
  return { status: response.statusCode, headers: response.headers, problem, text: response.body };
}

function post(payload: string, contentType = 'application/json'): Promise<Answer> {
  return send({ method: 'POST', url: '/api/samples', payload, headers: { 'content-type': contentType } });
}

function failing(thrown: unknown): Promise<Answer> {
  fixture.behaviour.throws = thrown;
  return send({ method: 'GET', url: '/api/samples/failing' });
}

function levels(): string[] {
  return fixture
    .takeLines()
    .filter(({ level }) => level !== 'debug')
    .map(({ level }) => level);
}

describe('a named error', () => {
  it('becomes a problem document with all that the error knows', async () => {
    const { problem, headers } = await failing(
      new RivuletError('SERVER_BUSY', 'Eight syncs are under way.', { retryAfterSeconds: 7.2 }),
    );
    expect(problem).toEqual({
      type: 'urn:rivulet:problem:server-busy',
      title: errorCatalogue.SERVER_BUSY.title,
      status: 503,
      detail: 'Eight syncs are under way.',
      code: 'SERVER_BUSY',
      nextStep: errorCatalogue.SERVER_BUSY.nextStep,
      instance: '/api/samples/failing',
      requestId: expect.any(String) as string,
    });
    expect(headers['retry-after']).toBe('8');
    expect(headers['cache-control']).toBe('no-store');
  });

  it('has a status for every code, and no code is without one', () => {
    expect(Object.keys(errorStatus).toSorted()).toEqual(Object.keys(errorCatalogue).toSorted());
  });

  it.each([
    ['DEVICE_UNKNOWN', 404, 'info'],
    ['SERVER_BUSY', 503, 'warn'],
    ['CENTRAL_UNREACHABLE', 502, 'warn'],
    ['DATASET_KEY_NULL', 500, 'error'],
    ['DISK_FULL', 507, 'error'],
  ] as const)('%s is answered with %d and logged once at %s', async (code, status, level) => {
    const answer = await failing(new RivuletError(code, 'This is why.'));
    expect(answer.status).toBe(status);
    expect(levels()).toEqual([level]);
  });
});

describe('an error without a name', () => {
  it('is INTERNAL, tells nothing of itself, and leaves one ERROR line with its stack', async () => {
    const { problem, text } = await failing(new TypeError('secret_table has no column "salary"'));
    expect(problem.code).toBe('INTERNAL');
    expect(text).not.toMatch(/secret_table|salary|TypeError|spec\.ts/);
    const lines = fixture.takeLines().filter(({ level }) => level === 'error');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      status: 500,
      requestId: problem.requestId,
      err: { type: 'TypeError', stack: expect.stringContaining('problem.spec') as string },
    });
  });

  it.each([
    ['a string', 'just a string'],
    ['nothing', undefined],
    ['null', null],
    ['an object', { statusCode: 'x' }],
  ])('may even be %s', async (_name, thrown) => {
    expect((await failing(thrown)).problem.code).toBe('INTERNAL');
  });

  it.each([
    [
      'a refused connection',
      Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' }),
    ],
    ['too many connections', Object.assign(new Error('sorry, too many clients'), { code: '53300' })],
    ['a server that stops', Object.assign(new Error('terminating connection'), { code: '57P01' })],
    ['a lost connection', new Error('Connection terminated unexpectedly')],
    [
      'TypeORM around it',
      Object.assign(new Error('failed'), { driverError: Object.assign(new Error(), { code: '08006' }) }),
    ],
    [
      'all addresses refused',
      new AggregateError([Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' })]),
    ],
  ])('from the database, %s, is DATABASE_UNAVAILABLE and heals itself', async (_name, thrown) => {
    const { status, problem, headers } = await failing(thrown);
    expect([status, problem.code, headers['retry-after']]).toEqual([503, 'DATABASE_UNAVAILABLE', '10']);
    expect(levels()).toEqual(['warn']);
  });

  it('is not taken for the database where a statement failed or another server refused', async () => {
    const violation = Object.assign(new Error('duplicate key'), { code: '23505' });
    expect((await failing(violation)).problem.code).toBe('INTERNAL');
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' });
    expect((await failing(new TypeError('fetch failed', { cause: refused }))).problem.code).toBe('INTERNAL');
  });

  it('of Nest keeps its meaning', async () => {
    expect((await failing(new BadRequestException('No such thing'))).problem).toMatchObject({
      code: 'REQUEST_INVALID',
      detail: 'No such thing.',
    });
    expect((await failing(new ForbiddenException())).status).toBe(400);
  });
});

describe('a bad body', () => {
  it('with wrong fields names each with its path', async () => {
    const { problem } = await post(
      '{"amount":"3","tables":[{"checksum":"a"},{"checksum":1},{"checksum":"b","colour":2}],"x":1}',
    );
    expect(problem.code).toBe('REQUEST_INVALID');
    expect(problem.errors).toEqual([
      { field: 'x', reason: 'is not a field of this request' },
      { field: 'amount', reason: 'must be an integer number' },
      { field: 'tables[1].checksum', reason: expect.stringMatching(/^must be/) as string },
      { field: 'tables[2].colour', reason: 'is not a field of this request' },
    ]);
    expect(problem.detail).toMatch(/^x is not a field of this request; amount must be .*; more in errors\.$/);
    expect(levels()).toEqual(['info']);
  });

  it.each([
    ['not JSON', '{"amount":', 'not JSON'],
    ['a poisoned prototype', '{"amount":1,"__proto__":{"admin":true}}', 'not allowed'],
    ['a poisoned constructor', '{"amount":1,"constructor":{"prototype":{"admin":true}}}', 'not allowed'],
    ['deep arrays', `${'['.repeat(90_000)}${']'.repeat(90_000)}`, '32 levels'],
    ['deep objects', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`, '32 levels'],
  ])('that is %s is refused', async (_name, body, detail) => {
    const { status, problem } = await post(body);
    expect([status, problem.code]).toEqual([400, 'REQUEST_INVALID']);
    expect(problem.detail).toContain(detail);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
    expect(levels()).toEqual(['info']);
  });

  it.each([
    '5',
    '"text"',
    'null',
    '[]',
    '[1]',
    'true',
    '',
    '{"toString":1}',
    '{"hasOwnProperty":{}}',
    '{"constructor":1}',
  ])('of another shape is refused: %s', async (body) => {
    expect((await post(body)).problem.code).toBe('REQUEST_INVALID');
  });

  it('with very many wrong fields is answered in bounded size', async () => {
    const fields = Array.from({ length: 5_000 }, (_, index) => `"${'f'.repeat(20)}${index}":1`);
    const { problem, text } = await post(`{${fields.join(',')}}`);
    expect(problem.errors).toHaveLength(50);
    expect(text.length).toBeLessThan(10_000);
    const line = fixture.takeLines().find(({ level }) => level === 'info');
    expect(JSON.stringify(line).length).toBeLessThan(2_000);
  });

  it('that is too large is refused with 413', async () => {
    const { status, problem } = await post(`{"amount":${' '.repeat(200_001)}1}`);
    expect([status, problem.code]).toEqual([413, 'REQUEST_TOO_LARGE']);
    expect(levels()).toEqual(['info']);
  });

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'nonsense',
  ])('of the type %s is refused with 415', async (contentType) => {
    const { status, problem } = await post('amount=1', contentType);
    expect([status, problem.code]).toEqual([415, 'MEDIA_TYPE_UNSUPPORTED']);
    expect(levels()).toEqual(['info']);
  });
});

describe('a bad path', () => {
  it('that no route has is ROUTE_UNKNOWN, inside the prefix and outside', async () => {
    for (const url of ['/api/nothing', '/nothing', '/api/samples/1/2', '/api/samples/1/']) {
      const { status, problem } = await send({ method: 'GET', url });
      expect([status, problem.code, problem.instance]).toEqual([404, 'ROUTE_UNKNOWN', url]);
    }
    expect(levels()).toEqual(Array.from({ length: 4 }, () => 'info'));
  });

  it.each([
    ['DELETE', '/api/samples', 'POST'],
    ['GET', '/api/samples', 'POST'],
    ['POST', '/api/samples/5?x=1', 'GET, HEAD'],
    ['PUT', '/health/live', 'GET, HEAD'],
    ['OPTIONS', '/metrics', 'GET, HEAD'],
    ['POST', '/api/docs/swagger-ui.css', 'GET, HEAD'],
  ] as const)('with the wrong method is METHOD_NOT_ALLOWED: %s %s', async (method, url, allow) => {
    const { status, problem, headers } = await send({ method, url });
    expect([status, problem.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(String(headers['allow']).split(', ').toSorted().join(', ')).toBe(allow);
    expect(levels()).toEqual(['info']);
  });

  it('with a malformed escape is refused', async () => {
    for (const url of ['/api/samples/%zz', '/%', '/api/%E0%A4%A']) {
      const { status, problem } = await send({ method: 'GET', url });
      expect([status, problem.code]).toEqual([400, 'REQUEST_INVALID']);
    }
    expect(levels()).toEqual(['info', 'info', 'info']);
  });

  it('with an over-long part is refused, and shortened in answer and log', async () => {
    const { status, problem } = await send({ method: 'GET', url: `/api/samples/${'a'.repeat(5_000)}` });
    expect([status, problem.code]).toEqual([400, 'REQUEST_INVALID']);
    expect(problem.instance.length).toBeLessThan(250);
    expect(JSON.stringify(fixture.takeLines()).length).toBeLessThan(2_000);
  });
});
