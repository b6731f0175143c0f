import { Deferred, startFixture, type Fixture } from '../../test/fixture-app';
import { DrainState } from './drain-state';
import type { HealthCheckOutcome } from './health-indicator';

interface Body {
  status: string;
  error: Record<string, unknown>;
  details: Record<string, unknown>;
}

const up = (): Promise<HealthCheckOutcome> => Promise.resolve({ up: true });

let database = up;
let migrations = up;
let lastSync = up;
let databaseChecks = 0;
let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture([
    {
      name: 'database',
      probes: ['ready'],
      check: () => {
        databaseChecks++;
        return database();
      },
    },
    { name: 'migrations', probes: ['ready', 'startup'], check: () => migrations() },
    { name: 'lastSync', probes: [], check: () => lastSync() },
  ]);
});

beforeEach(() => {
  database = up;
  migrations = up;
  lastSync = up;
  fixture.takeLines();
});

afterAll(() => fixture.app.close());

async function probe(path: string): Promise<{ status: number; body: Body }> {
  const response = await fixture.app.inject(`/health${path}`);
  expect(response.headers['content-type']).toMatch(/^application\/json/);
  expect(response.headers['cache-control']).toContain('no-store');
  return { status: response.statusCode, body: response.json<Body>() };
}

/** Expects no log line, not even for a probe that says no: health is a value, not an error. */
function expectQuiet(): void {
  expect(fixture.takeLines().filter(({ level }) => level !== 'debug')).toEqual([]);
}

async function statuses(): Promise<Record<string, number>> {
  const paths = ['', '/live', '/ready', '/startup'];
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, (await probe(path)).status] as [string, number])),
  );
}

describe('health', () => {
  it('is fine when everything is, and shows the details', async () => {
    lastSync = () => Promise.resolve({ up: true, detail: { ageSeconds: 12 } });
    expect(await statuses()).toEqual({ '': 200, '/live': 200, '/ready': 200, '/startup': 200 });
    expect((await probe('/ready')).body).toMatchObject({
      status: 'ok',
      details: {
        process: { status: 'up' },
        database: { status: 'up', responseTime: expect.any(Number) as number },
        lastSync: { status: 'up', ageSeconds: 12 },
      },
    });
    expect(Object.keys((await probe('/startup')).body.details)).toEqual(['process', 'migrations']);
  });

  it('is not ready without a database, yet alive and started', async () => {
    database = () =>
      Promise.reject(
        Object.assign(new Error('connect 10.0.0.7:5432'), { code: 'ECONNREFUSED', syscall: 'connect' }),
      );
    expect(await statuses()).toEqual({ '': 503, '/live': 200, '/ready': 503, '/startup': 200 });
    const { body } = await probe('/ready');
    expect(body).toMatchObject({
      status: 'error',
      error: { database: { status: 'down', message: 'The database is not available (ECONNREFUSED).' } },
    });
    expect(JSON.stringify(body)).not.toContain('10.0.0.7');
    expectQuiet();
  });

  it('keeps the details of what is down', async () => {
    migrations = () => Promise.resolve({ up: false, detail: { pending: 2 } });
    expect(await statuses()).toEqual({ '': 503, '/live': 200, '/ready': 503, '/startup': 503 });
    expect((await probe('/startup')).body.error).toMatchObject({
      migrations: { status: 'down', pending: 2 },
    });
  });

  it('is degraded at worst by a detail', async () => {
    lastSync = () => Promise.resolve({ up: false, detail: { ageSeconds: 9999 } });
    expect(await statuses()).toEqual({ '': 200, '/live': 200, '/ready': 200, '/startup': 200 });
    expect((await probe('')).body).toMatchObject({
      status: 'degraded',
      details: { lastSync: { status: 'degraded', ageSeconds: 9999 } },
    });
    lastSync = () => Promise.reject(new Error('secret reason'));
    expect((await probe('/ready')).status).toBe(200);
  });

  it('answers within its time when a check hangs, and asks no second time meanwhile', async () => {
    const answer = new Deferred<HealthCheckOutcome>();
    database = () => answer.promise;
    databaseChecks = 0;
    const before = performance.now();
    const answers = await Promise.all([probe('/ready'), probe('/ready'), probe('')]);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect((await probe('/ready')).status).toBe(503);
    expect(databaseChecks).toBe(1);
    expectQuiet();
    answer.resolve({ up: true });
    database = up;
    await new Promise((resolve) => setImmediate(resolve));
    expect((await probe('/ready')).status).toBe(200);
  });

  it('is not ready while draining, and still alive', async () => {
    const drainState = fixture.app.get(DrainState);
    drainState.startDraining();
    expect(drainState.signal.aborted).toBe(true);
    expect(await statuses()).toEqual({ '': 503, '/live': 200, '/ready': 503, '/startup': 200 });
    expect((await probe('/ready')).body.error).toEqual({
      process: { status: 'down', message: 'The process is shutting down.' },
    });
    expect((await fixture.app.inject('/api/samples/1')).statusCode).toBe(200);
    drainState.startClosing();
    expect((await fixture.app.inject('/api/samples/1')).json()).toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(fixture.takeLines().map(({ level }) => level)).toContain('warn');
    expect((await probe('/live')).status).toBe(200);
  });
});
