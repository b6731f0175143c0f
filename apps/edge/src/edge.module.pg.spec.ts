import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DataSource } from 'typeorm';
import { createEdgeApp } from '../test/edge-app';
import { ScrubService } from './scrub/scrub.service';
import { withDatabaseLease } from './state/database-lease';

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
async function create(variables: Record<string, string> = {}): Promise<NestFastifyApplication> {
  const settings = {
    EDGE_DATABASE_URL: database.url,
    EDGE_CENTRAL_URL: 'http://127.0.0.1:9',
    EDGE_MAC_ADDRESS: '48:b0:2d:e9:c3:b7',
    EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
    EDGE_SYNC_SCHEDULE: '1d',
    EDGE_FIRST_SYNC_DELAY: '1h',
    ...variables,
  };
  return createEdgeApp(settings, { retries: 0 });
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
        live: {
          connected: false,
          since: expect.any(String) as string,
          problem: 'EDGE_LIVE is false.',
        },
        identity: { auth: 'mac', macAddress: '48:b0:2d:e9:c3:b7' },
        freshness: { state: 'never', staleAfterSeconds: expect.any(Number) as number },
        refusedAnswers: { total: 0 },
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
        body: { state: 'idle', lastScrub: body },
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
    const running = { phase: 'scrubbing', rowsDone: 1, rowsTotal: 2, bytesDone: 0, bytesTotal: 0 } as const;
    jest
      .spyOn(app.get(ScrubService), 'progress', 'get')
      .mockReturnValueOnce(running)
      .mockReturnValueOnce(running);

    expect(await call('GET', '/api/sync/status')).toMatchObject({
      body: { state: 'scrubbing', progress: running },
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

describe('the metrics of an edge', () => {
  beforeAll(async () => {
    app = await create();
    await app.init();
  });
  afterAll(() => app.close());

  it('are those of its features', async () => {
    await call('POST', '/api/sync/now');
    await call('POST', '/api/sync/verify');
    const { body } = await app.inject({ method: 'GET', url: '/metrics' });

    expect(body).toContain('rivulet_edge_sync_cycles_total{trigger="operator",status="failed"} 1');
    expect(body).toContain('rivulet_edge_scrubs_total{trigger="operator",status="intact"} 1');
    expect(body).toContain('rivulet_edge_acknowledgements_pending 0');
    expect(body).toContain('rivulet_edge_spool_bytes 0');
    expect(body).toContain('rivulet_edge_payload_received_bytes_total 0');
  });
});

describe('an edge', () => {
  it.each([
    ['sync', '/api/configuration', ['database', 'lastSync', 'live', 'migrations', 'process']],
    ['collection', '/api/sync/status', ['collection', 'database', 'live', 'migrations', 'process']],
  ])('with the part %s has its database, and none of the others', async (part, missing, indicators) => {
    app = await create({ EDGE_FEATURES: part, EDGE_LIVE: 'true' });
    await app.init();
    const { body } = await call('GET', '/health');
    const { details } = body as { details: object };
    expect(Object.keys(details).toSorted()).toEqual(indicators);
    expect(details).toMatchObject({ live: { disabled: 'EDGE_FEATURES does not have live' } });
    expect(await call('GET', missing)).toMatchObject({ status: 404, body: { code: 'ROUTE_UNKNOWN' } });
    await app.close();
  });

  it('says in its status that it is not connected by intention', async () => {
    app = await create({ EDGE_FEATURES: 'sync', EDGE_LIVE: 'true' });
    await app.init();
    const live = { connected: false, problem: 'EDGE_FEATURES does not have live.' };
    expect(await call('GET', '/api/sync/status')).toMatchObject({ status: 200, body: { live } });
    await app.close();
  });

  it('stops while it waits for central, and says in its log why the cycle failed', async () => {
    app = await create({ EDGE_CENTRAL_URL: `http://127.0.0.1:${(silence.address() as AddressInfo).port}` });
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
});
