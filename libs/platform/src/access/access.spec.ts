import { Controller, Get, Module, Post, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RivuletError } from '@rivulet/errors';
import { Registry } from 'prom-client';
import { createApp } from '../bootstrap/create-app';
import { HealthModule } from '../health/health.module';
import { createLogger } from '../logging/logger';
import { BodyLimits } from '../bootstrap/body/body-limits';
import { AccessControl } from './access-control';
import { Access } from './access.decorator';
import { CurrentPrincipal } from './access.guard';
import type { Principal } from './principal';
import { RouteTable } from './route-table';

@Access('operator')
@Controller(['things', 'old-things'])
class ThingsController {
  @Get()
  list(@CurrentPrincipal() { name }: Principal): { name: string } {
    return { name };
  }

  @Post()
  @BodyLimits({ maxValues: 2 })
  @Access('public')
  create(): { created: true } {
    return { created: true };
  }
}

@Controller('forgotten')
class ForgottenController {
  @Get(':thingId')
  find(): { found: true } {
    return { found: true };
  }
}

@Access('device')
@Controller('samples')
class DeviceController {
  @Get()
  list(): [] {
    return [];
  }
}

const operators = {
  refusals: ['DEVICE_UNIDENTIFIED'],
  scheme: { name: 'operator', definition: { type: 'http', scheme: 'bearer' } },
  authenticate: ({ headers }: { headers: Record<string, unknown> }): Principal => {
    if (headers['authorization'] !== 'Bearer right') throw new RivuletError('DEVICE_UNIDENTIFIED', 'Who?');
    return { kind: 'operator', id: '1', name: 'Ada' };
  },
} as const;

async function start(...controllers: Type[]): Promise<NestFastifyApplication> {
  @Module({ imports: [HealthModule.register({})], controllers })
  class SampleModule {
    constructor(access: AccessControl) {
      access.register(['operator'], operators);
    }
  }
  const app = await createApp({
    module: SampleModule,
    logger: createLogger({ app: 'sample', level: 'silent' }),
    openApi: { title: 'Sample', description: 'For a test.' },
  });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}

describe('an app', () => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    app = await start(ThingsController);
  });
  afterAll(() => app.close());

  it('asks the authenticator of the rule, at each path of a route', async () => {
    for (const url of ['/api/things', '/api/old-things']) {
      expect((await app.inject(url)).statusCode).toBe(401);
      const answer = await app.inject({ url, headers: { authorization: 'Bearer right' } });
      expect(answer.json()).toEqual({ name: 'Ada' });
    }
  });

  it('asks it before it looks at anything else, also for HEAD', async () => {
    expect((await app.inject('/api/things?unknown=1')).json()).toMatchObject({ code: 'DEVICE_UNIDENTIFIED' });
    expect((await app.inject({ method: 'HEAD', url: '/api/things' })).statusCode).toBe(401);
  });

  it('lets the rule of a method count before that of its class', async () => {
    expect((await app.inject({ method: 'POST', url: '/api/things' })).statusCode).toBe(201);
  });

  it('keeps what other decorators say of a route', async () => {
    const call = { method: 'POST', url: '/api/things' } as const;
    expect((await app.inject({ ...call, payload: { a: 1, b: 2, c: 3 } })).statusCode).toBe(413);
  });

  it('counts who was refused', async () => {
    const { values } = await app.get(Registry).getSingleMetric('rivulet_access_refusals_total')!.get();
    expect(values.map(({ labels }) => labels)).toEqual([{ rule: 'operator', code: 'DEVICE_UNIDENTIFIED' }]);
  });

  it('knows the rule of every route', () => {
    const { routes } = app.get(RouteTable);
    expect(routes.filter(({ path }) => path.endsWith('things'))).toEqual([
      { method: 'GET', path: '/api/things', rule: 'operator' },
      { method: 'POST', path: '/api/things', rule: 'public' },
      { method: 'GET', path: '/api/old-things', rule: 'operator' },
      { method: 'POST', path: '/api/old-things', rule: 'public' },
    ]);
    expect(routes).toContainEqual({ method: 'GET', path: '/health/live', rule: 'public' });
    expect(routes).toContainEqual({ method: 'GET', path: '/api/docs', rule: 'public' });
  });

  it('says in its document who may call, how that is proved, and what others are answered', async () => {
    const { paths, components } = (await app.inject('/api/docs-json')).json<{
      paths: Record<string, Record<string, { responses: Record<string, { content: object }> }>>;
      components: { securitySchemes: object };
    }>();
    const { get, post } = paths['/api/things']!;
    expect(get).toMatchObject({ 'x-access': 'operator', security: [{ operator: [] }] });
    expect(JSON.stringify(get!.responses['401'])).toContain('DEVICE_UNIDENTIFIED');
    expect(post).toMatchObject({ 'x-access': 'public', security: [] });
    expect(components.securitySchemes).toEqual({ operator: { type: 'http', scheme: 'bearer' } });
  });
});

describe('an app does not start', () => {
  it('when a route does not say who may call it, and names the route', async () => {
    await expect(start(ThingsController, ForgottenController)).rejects.toMatchObject({
      code: 'ROUTE_WITHOUT_RULE',
      message: 'GET /api/forgotten/:thingId does not say who may call it.',
    });
  });

  it('when nothing can tell who may call a route', async () => {
    await expect(start(DeviceController)).rejects.toMatchObject({
      code: 'ROUTE_WITHOUT_RULE',
      message: 'GET /api/samples is for "device", and nothing here can tell who that is.',
    });
  });
});
