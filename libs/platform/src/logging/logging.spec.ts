import { Logger } from '@nestjs/common';
import { get } from 'node:http';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deferred, startFixture, takeLines, type Fixture } from '../../test/fixture-app';
import { errorSummary } from './error-summary';
import { createLogger } from './logger';
import { redactSecrets } from './redaction';

const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

describe('a request', () => {
  let fixture: Fixture;

  beforeAll(async () => {
    fixture = await startFixture();
  });
  beforeEach(() => fixture.takeLines());
  afterAll(() => fixture.app.close());

  async function theLine(): Promise<unknown> {
    const lines = fixture.takeLines().filter(({ level }) => level !== 'debug');
    if (lines.length === 0) return sleep(5).then(theLine);
    expect(lines).toHaveLength(1);
    return lines[0];
  }

  it('keeps the id it came with, on the answer and on every line', async () => {
    const response = await fixture.app.inject({
      method: 'POST',
      url: '/api/samples',
      payload: { amount: 1, tables: [] },
      headers: { 'x-request-id': 'cycle_7-a' },
    });
    expect(response.statusCode).toBe(201);
    expect(response.headers['x-request-id']).toBe('cycle_7-a');
    const lines = fixture.takeLines();
    expect(lines.map(({ msg }) => msg)).toEqual([
      'inside the handler',
      expect.stringMatching(/^POST \/api\/samples 201 in \d+ ms$/) as string,
    ]);
    expect(lines.map((line) => line['requestId'])).toEqual(['cycle_7-a', 'cycle_7-a']);
  });

  it.each([undefined, '', 'has space', 'x'.repeat(65), 'line\\nbreak', '<script>', 'ü'])(
    'gets a new id where it came with %s',
    async (given) => {
      const headers = given === undefined ? {} : { 'x-request-id': given };
      const response = await fixture.app.inject({ url: '/health/live', headers });
      expect(response.headers['x-request-id']).toMatch(ULID);
    },
  );

  it('leaves one short line, without headers and query', async () => {
    await fixture.app.inject({
      url: '/api/samples/7?token=canary',
      headers: { authorization: 'Bearer canary', cookie: 'c=canary' },
    });
    const lines = fixture.takeLines();
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.any(String) as string,
        app: 'fixture',
        requestId: expect.stringMatching(ULID) as string,
        method: 'GET',
        url: '/api/samples/7',
        status: 200,
        ms: expect.any(Number) as number,
        msg: expect.stringMatching(/^GET \/api\/samples\/7 200 in \d+ ms$/) as string,
      },
    ]);
  });

  it('of a probe or a scraper is a debug line', async () => {
    await fixture.app.inject('/health/ready');
    await fixture.app.inject('/metrics');
    expect(fixture.takeLines().map(({ level }) => level)).toEqual(['debug', 'debug']);
  });

  it('that breaks half-way is cut off, and leaves one line', async () => {
    await fixture.app.listen(0, '127.0.0.1');
    fixture.takeLines();
    const url = await fixture.app.getUrl();
    const answer = await fetch(`${url}/api/samples/broken-stream`);
    await expect(answer.text()).rejects.toThrow('terminated');
    expect(await theLine()).toMatchObject({
      level: 'error',
      status: 200,
      cut: true,
      code: 'INTERNAL',
      err: { message: 'the source broke' },
    });
  });

  it('that fails after the client gave up leaves a line for each', async () => {
    const work = new Deferred<void>();
    fixture.behaviour.during = () => work.promise;
    const request = get(`${await fixture.app.getUrl()}/api/samples/slow`);
    request.on('error', () => undefined);
    await sleep(50);
    request.destroy();
    expect(await theLine()).toMatchObject({ level: 'info', cut: true });
    work.reject(new Error('a bug'));
    expect(await theLine()).toMatchObject({ level: 'error', err: { message: 'a bug' } });
  });

  it('that the client gives up leaves one line', async () => {
    const work = new Deferred<void>();
    fixture.behaviour.during = () => work.promise;
    const request = get(`${await fixture.app.getUrl()}/api/samples/slow`);
    request.on('error', () => undefined);
    await sleep(50);
    request.destroy();
    expect(await theLine()).toMatchObject({ level: 'info', cut: true });
    work.reject(Object.assign(new Error('aborted'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }));
    await sleep(20);
    expect(fixture.takeLines()).toEqual([]);
  });
});

function logged(
  write: (logger: ReturnType<typeof createLogger>) => void,
  format: 'json' | 'pretty' = 'json',
): string {
  let text = '';
  const destination = new Writable({
    write: (line, _encoding, done) => {
      text += String(line);
      done();
    },
  });
  write(createLogger({ app: 'sample', level: 'debug', format, destination }));
  return text;
}

describe('the log', () => {
  it('never holds a secret, wherever it stands', () => {
    const text = logged((logger) => {
      logger.info({ headers: { authorization: 'Basic canary', cookie: ['a=canary'] } }, 'headers');
      logger.info({ a: { b: { password: 'can"ary', token: 'canary' } } }, 'deep');
      logger.warn('postgres://me:canary@db:5432/x refused');
      logger.warn('postgres://me:can@ry:canary@db/x?a=1 refused');
      logger.warn(`central said ${JSON.stringify({ token: 'canary', more: 1 })}`);
      logger.warn('host=db password=canary user=me');
      logger.error(
        { err: new Error('postgresql://u:canary@h/d', { cause: new Error('Bearer canary') }) },
        'failed',
      );
      logger.warn('Basic Ocanarycanary was refused');
      for (const kind of 'ekrt') logger.warn(`rv${kind}_canary-canary-canary-canary.canary is unknown`);
      logger.warn('eyJhbGciOiJIUzI1NiJ9.canary.canary is malformed');
      logger.info({ body: { currentPassword: 'canary', newPassword: 'canary', refresh_token: 'canary' } });
    });
    expect(text).not.toMatch(/canary|can\\?"ary|can@ry/);
    for (const line of text.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
  });

  it('keeps what only looks like a secret', () => {
    const text = 'GET http://central:8080/api took 3 ms; see https://docs.example/a@b and password rules';
    expect(redactSecrets(text)).toBe(text);
  });

  it('is redacted in linear time', () => {
    const before = performance.now();
    for (const part of [
      'a.',
      'http://a:',
      '"password":"',
      'Bearer ',
      'password=',
      '@',
      'rve_',
      'eyJhbGciOiJ.',
    ])
      redactSecrets(part.repeat(50_000));
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  it('has the code and cause of an error, and nothing of its statement', () => {
    const error = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (email)=(a@b) already exists.',
      query: 'INSERT …',
      parameters: ['a@b'],
    });
    const summary = errorSummary(new Error('outer', { cause: error }));
    expect(summary).toMatchObject({
      type: 'Error',
      message: 'outer',
      cause: { code: '23505', message: 'duplicate key' },
    });
    expect(JSON.stringify(summary)).not.toContain('a@b');
  });

  it('cannot be forged or take over a terminal', () => {
    const text = logged((logger) => logger.info('first\nsecond \u001b[2J gone \u202e\u2028'), 'pretty');
    expect(text.trimEnd().split('\n')).toHaveLength(1);
    expect(text).toContain('first·second ·[2J gone ··');
  });

  it('does not tell what Nest finds while it starts, nor twice that a start failed', async () => {
    takeLines();
    const { app } = await startFixture();
    new Logger('ExceptionHandler').error(new Error('x'));
    await app.close();
    expect(takeLines().filter(({ level }) => level !== 'debug')).toEqual([]);
  });
});
