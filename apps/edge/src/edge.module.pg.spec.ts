import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FactoryProvider } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, createLogger } from '@rivulet/platform';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DataSource } from 'typeorm';
import { EdgeEnv } from './edge-env';
import { EdgeModule } from './edge.module';
import { ScrubService } from './scrub/scrub.service';
import { SpoolFile } from './spool/spool-file';
import { withDatabaseLease } from './sync/database-lease';
import { SyncModule } from './sync/sync.module';

let database: TestDatabase;
let directory: string;
let app: NestFastifyApplication;
/** Accepts connections and says nothing. */
let silence: Server;

beforeAll(async () => {
  silence = createServer();
  await new Promise<void>((resolve) => silence.listen(0, '127.0.0.1', resolve));
  database = await createTestDatabase();
  directory = await mkdtemp(join(tmpdir(), 'rivulet-edge-app-'));
});
afterAll(async () => {
  await new Promise((resolve) => silence.close(resolve));
  await database.drop();
  await rm(directory, { recursive: true });
});

/** With a central that is not there, and no schedule to speak of. */
async function create(settings: Partial<EdgeEnv> = {}): Promise<NestFastifyApplication> {
  const env = Object.assign(new EdgeEnv(), {
    centralUrl: 'http://127.0.0.1:9',
    spoolFile: join(directory, 'edge.spool'),
    syncSchedule: '1d',
    firstSyncDelayMs: 3_600_000,
    retries: 0,
    ...settings,
  });
  return createApp({
    module: EdgeModule.forRoot(env, database.url, '48:b0:2d:e9:c3:b7'),
    logger: createLogger({ app: 'edge', level: 'silent' }),
    openApi: { title: 'Rivulet edge', description: 'For a test.' },
  });
}

async function call(
  method: 'GET' | 'POST',
  url: string,
  payload?: object,
): Promise<{ status: number; body: unknown }> {
  const { statusCode, body } = await app.inject({
    method,
    url,
    ...(payload === undefined ? {} : { payload }),
  });
  return { status: statusCode, body: JSON.parse(body) as unknown };
}

describe('the routes of an edge', () => {
  beforeAll(async () => {
    app = await create();
    await app.init();
  });
  afterAll(() => app.close());

  it('say that it has nothing, when it is new', async () => {
    expect(await call('GET', '/api/sync/status')).toEqual({
      status: 200,
      body: {
        state: 'idle',
        macAddress: '48:b0:2d:e9:c3:b7',
        nextRunAt: expect.any(String) as string,
        mirrors: [],
      },
    });
    expect(await call('GET', '/api/sync/history')).toEqual({ status: 200, body: [] });
  });

  it('answer a sync with its result, also when it failed', async () => {
    const { status, body } = await call('POST', '/api/sync/now');

    expect(status).toBe(200);
    expect(body).toMatchObject({
      trigger: 'operator',
      status: 'failed',
      manifestId: null,
      tables: [],
      error: { code: 'CENTRAL_UNREACHABLE', nextStep: expect.stringContaining('EDGE_CENTRAL_URL') as string },
    });
    expect(await call('GET', '/api/sync/status')).toMatchObject({ body: { lastResult: body } });
    expect(await call('GET', '/api/sync/history?limit=1')).toMatchObject({ body: [{ status: 'failed' }] });
  });

  it.each([{}, { confirmDeletes: false }, { confirmDeletes: true }])(
    'take a sync with %j',
    async (payload) => {
      expect(await call('POST', '/api/sync/now', payload)).toMatchObject({
        status: 200,
        body: { trigger: 'operator', error: { code: 'CENTRAL_UNREACHABLE' } },
      });
    },
  );

  it.each([{ confirmDeletes: 'yes' }, { force: true }, [true]])('refuse a sync with %j', async (payload) => {
    expect(await call('POST', '/api/sync/now', payload)).toMatchObject({
      status: 400,
      body: { code: 'REQUEST_INVALID' },
    });
  });

  it('refuse a sync that another process is at', async () => {
    await withDatabaseLease(app.get(DataSource), async () => {
      expect(await call('POST', '/api/sync/now')).toMatchObject({
        status: 409,
        body: { code: 'SYNC_IN_PROGRESS' },
      });
    });
  });

  it.each([undefined, {}, { repair: false }, { repair: true }])(
    'answer a scrub with what it found, and keep it: %j',
    async (payload) => {
      const { status, body } = await call('POST', '/api/sync/verify', payload);

      expect(status).toBe(200);
      expect(body).toMatchObject({ trigger: 'operator', status: 'intact', tables: [] });
      expect(await call('GET', '/api/sync/status')).toMatchObject({
        body: { state: 'idle', lastVerification: body },
      });
    },
  );

  it('take an empty body of a scrub for none, also when it is called JSON', async () => {
    const headers = { 'content-type': 'application/json' };
    const { statusCode } = await app.inject({ method: 'POST', url: '/api/sync/verify', headers });
    expect(statusCode).toBe(200);
  });

  it.each([{ repair: 'yes' }, { repair: 1 }, { fix: true }, [true]])(
    'refuse a scrub with %j',
    async (payload) => {
      expect(await call('POST', '/api/sync/verify', payload)).toMatchObject({
        status: 400,
        body: { code: 'REQUEST_INVALID' },
      });
    },
  );

  it('show that a scrub is running', async () => {
    const running = { phase: 'verifying', rowsDone: 1, rowsTotal: 2, bytesDone: 0, bytesTotal: 0 } as const;
    jest
      .spyOn(app.get(ScrubService), 'progress', 'get')
      .mockReturnValueOnce(running)
      .mockReturnValueOnce(running);

    expect(await call('GET', '/api/sync/status')).toMatchObject({
      body: { state: 'verifying', progress: running },
    });
  });

  it.each(['limit=0', 'limit=many', 'limit=1000000', 'page=2'])('refuse a history of %s', async (query) => {
    expect(await call('GET', `/api/sync/history?${query}`)).toMatchObject({
      status: 400,
      body: { code: 'REQUEST_INVALID' },
    });
  });

  it('call an edge that is behind ready: it still serves its readers', async () => {
    expect(await call('GET', '/health/ready')).toMatchObject({
      status: 200,
      body: { details: { lastSync: { manifestId: null, lastCycle: 'failed', ageSeconds: null } } },
    });
  });
});

describe('an edge', () => {
  it('stops while it waits for central, and says in its log why the cycle failed', async () => {
    app = await create({ centralUrl: `http://127.0.0.1:${(silence.address() as AddressInfo).port}` });
    await app.init();
    const connected = once(silence, 'connection');
    const running = call('POST', '/api/sync/now');
    await connected;
    await app.close();

    expect(await running).toMatchObject({ body: { status: 'failed' } });
    const { rows } = await database.pool.query(
      'SELECT error FROM rivulet.edge_sync_log ORDER BY id DESC LIMIT 1',
    );
    expect(rows).toMatchObject([{ error: { code: 'SHUTTING_DOWN' } }]);
  });

  it('does not start without a place for its downloads, and names the variable', async () => {
    // A start that fails leaves its connections to the end of the process, so here is the one step of it.
    const env = Object.assign(new EdgeEnv(), { spoolFile: '/dev/null/edge.spool' });
    const providers = SyncModule.forRoot(env, '48:b0:2d:e9:c3:b7').providers as FactoryProvider[];
    const spool = providers.find(({ provide }) => provide === SpoolFile)!;

    await expect(spool.useFactory()).rejects.toMatchObject({
      code: 'ENVIRONMENT_INVALID',
      message: expect.stringMatching(/^EDGE_SPOOL_FILE is "\/dev\/null\/edge.spool"/) as string,
    });
  });
});
