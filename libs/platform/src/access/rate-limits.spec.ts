import { Controller, Get, Module, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RivuletError } from '@rivulet/errors';
import type { FastifyRequest } from 'fastify';
import { Registry } from 'prom-client';
import { TrustedProxies } from '../addresses/trusted-proxies';
import { createApp } from '../bootstrap/create-app';
import { HealthModule } from '../health/health.module';
import { createLogger } from '../logging/logger';
import { AccessControl } from './access-control';
import { Access } from './access.decorator';
import { OwnLimit } from './own-limit.decorator';
import { RateLimits } from './rate-limits';
import type { Principal } from './principal';

const LIMITS = { perDevice: 5, perOperator: 8, perAddress: 10 };

@Controller('things')
class ThingsController {
  @Get()
  @Access('device')
  list(): [] {
    return [];
  }

  @Get('operators')
  @Access('operator')
  operators(): [] {
    return [];
  }

  @Get('open')
  @Access('public')
  open(): [] {
    return [];
  }

  @Post('proof')
  @OwnLimit()
  @Access('public')
  prove(): [] {
    return [];
  }
}

function authenticator(kind: 'device' | 'operator') {
  return {
    refusals: ['DEVICE_UNIDENTIFIED', 'ACCESS_TOKEN_EXPIRED'],
    authenticate: ({ headers }: Pick<FastifyRequest, 'headers'>): Principal => {
      const id = headers.authorization ?? '';
      if (id === 'expired') throw new RivuletError('ACCESS_TOKEN_EXPIRED', 'It is too old.');
      if (!id.startsWith('device')) throw new RivuletError('DEVICE_UNIDENTIFIED', 'Who?');
      return { kind, id, name: id };
    },
  } as const;
}

@Module({ imports: [HealthModule.register({})], controllers: [ThingsController] })
class LimitedModule {
  constructor(access: AccessControl) {
    access.register(['device'], authenticator('device'));
    access.register(['operator'], authenticator('operator'));
  }
}

let app: NestFastifyApplication;
let addresses = 0;
let address: string;

beforeEach(async () => {
  address = `192.0.2.${++addresses}`;
  app = await createApp({
    module: LimitedModule,
    logger: createLogger({ app: 'sample', level: 'silent' }),
    openApi: { title: 'Sample', description: 'For a test.' },
    rateLimits: LIMITS,
    trustedProxies: new TrustedProxies(['10.0.0.0/24', '10.0.1.7']),
  });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await app.close();
});

interface Call {
  path?: string;
  as?: string;
  from?: string;
  headers?: Record<string, string>;
  method?: 'GET' | 'POST';
}

async function call({ path = '/api/things', as, from = address, headers = {}, method = 'GET' }: Call = {}) {
  return app.inject({
    method,
    url: path,
    remoteAddress: from,
    headers: { ...(as !== undefined && { authorization: as }), ...headers },
  });
}

/** HTTP statuses of as many calls, one after the other. */
async function statuses(count: number, made: Call): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index++) found.push((await call(made)).statusCode);
  return found;
}

it('callers that have hung up, and have no address any more, are counted as one', async () => {
  const limits = app.get(RateLimits);
  for (let count = 0; count < 12; count++) limits.countAnonymous(undefined);
  expect((await call({ as: 'device 1' })).statusCode).toBe(200);
});

describe('calls of a device', () => {
  it('are limited apart from those of any other behind its address, and say when to come again', async () => {
    expect(await statuses(6, { as: 'device 1' })).toEqual([200, 200, 200, 200, 200, 429]);
    const refused = await call({ as: 'device 1' });
    expect(refused.json()).toMatchObject({ code: 'RATE_LIMITED', status: 429 });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
    expect((await call({ as: 'device 1', from: '192.0.2.250' })).statusCode).toBe(429);

    for (let device = 2; device < 50; device++)
      expect((await call({ as: `device ${device}` })).statusCode).toBe(200);
  });

  it('are taken again in the next minute', async () => {
    expect(await statuses(6, { as: 'device 1' })).toContain(429);
    const now = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(now + 60_001);
    expect((await call({ as: 'device 1' })).statusCode).toBe(200);
  });

  it('are told from those of an operator of the same id', async () => {
    await statuses(6, { as: 'device 1' });
    const operators = { path: '/api/things/operators', as: 'device 1' };
    expect(await statuses(9, operators)).toEqual([...Array.from({ length: 8 }, () => 200), 429]);
  });

  it('are counted, by limit, and probes are neither counted nor refused', async () => {
    await statuses(7, { as: 'device 1' });
    await statuses(12, {});
    expect(await statuses(30, { path: '/health/live' })).not.toContain(429);
    const metrics = await app.get(Registry).metrics();
    expect(metrics).toContain('rivulet_rate_limited_total{limit="device"} 2');
    expect(metrics).toMatch(/rivulet_rate_limited_total\{limit="address"\} [1-9]/);
    expect((await call({ path: '/metrics' })).statusCode).toBe(200);
  });
});

describe('calls without valid credentials', () => {
  it.each([
    ['no credentials', {}, 401],
    ['wrong credentials', { as: 'who' }, 401],
    ['a public route', { path: '/api/things/open' }, 200],
    ['an unknown route', { path: '/api/nothing' }, 404],
  ])('with %s are limited by address', async (_, made, first) => {
    const found = await statuses(30, made);
    expect(found[0]).toBe(first);
    expect(found.at(-1)).toBe(429);
    expect(found.filter((status) => status !== 429).length).toBeGreaterThanOrEqual(LIMITS.perAddress);
    expect((await call({ ...made, from: '198.51.100.1' })).statusCode).toBe(first);
  });

  it('do not shut out the devices behind the same address, nor what they need for new credentials', async () => {
    await statuses(30, {});
    expect((await call({ as: 'device 9' })).statusCode).toBe(200);
    expect((await call({ as: 'expired' })).json()).toMatchObject({ code: 'ACCESS_TOKEN_EXPIRED' });
    expect((await call({ path: '/api/things/proof', method: 'POST' })).statusCode).toBe(201);
    expect((await call({ path: '/api/things/open', as: 'junk' })).statusCode).toBe(429);
  });

  it('count for the whole network of an IPv6 address', async () => {
    for (let host = 1; host < 30; host++) await call({ from: `2001:db8:1:2::${host.toString(16)}` });
    expect((await call({ from: '2001:db8:1:2:ffff::9' })).statusCode).toBe(429);
    expect((await call({ from: '2001:db8:1:3::9' })).statusCode).toBe(401);
  });
});

function behind(client: string): Call {
  return { from: '10.0.0.9', headers: { 'x-forwarded-for': client } };
}

describe('the address of a caller', () => {
  it('is what a trusted proxy says, so that callers behind it are told apart', async () => {
    await statuses(30, behind('203.0.113.5'));
    expect((await call(behind('203.0.113.5'))).statusCode).toBe(429);
    expect((await call(behind('203.0.113.6'))).statusCode).toBe(401);
    expect((await call(behind('203.0.113.5, 10.0.1.7'))).statusCode).toBe(429);
  });

  it('is not what anyone else says', async () => {
    for (let made = 0; made < 30; made++) await call({ headers: { 'x-forwarded-for': `203.0.113.${made}` } });
    expect((await call({ headers: { 'x-forwarded-for': '203.0.113.99' } })).statusCode).toBe(429);
  });

  it('is not what a client wrote in front of what the proxy added', async () => {
    for (let made = 0; made < 30; made++) {
      const headers = { 'x-forwarded-for': `198.51.100.${made}, not an address, 203.0.113.77` };
      await call({ from: '10.0.0.9', headers });
    }
    expect(
      (await call({ from: '10.0.0.9', headers: { 'x-forwarded-for': '203.0.113.77' } })).statusCode,
    ).toBe(429);
  });
});

it('describes the refusal with each route that may give it', async () => {
  const document = (await call({ path: '/api/docs-json' })).json<{
    paths: Record<string, { get: { responses: Record<string, unknown> } }>;
  }>();
  expect(document.paths['/api/things']!.get.responses).toHaveProperty('429');
  expect(document.paths['/health/live']?.get.responses ?? {}).not.toHaveProperty('429');
});
