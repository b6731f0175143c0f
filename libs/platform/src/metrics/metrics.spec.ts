import { Counter, Registry } from 'prom-client';
import { startFixture, type Fixture } from '../../test/fixture-app';

let fixture: Fixture;

beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.app.close());

async function metrics(): Promise<string> {
  const response = await fixture.app.inject('/metrics');
  expect(response.statusCode).toBe(200);
  expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  return response.body;
}

function count(method: string, route: string, status: number): string {
  return `http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`;
}

describe('metrics', () => {
  it('time requests by method, route pattern and status, never by path', async () => {
    for (const id of ['a', 'b', 'c']) await fixture.app.inject(`/api/samples/${id}?x=${id}`);
    await fixture.app.inject('/api/nothing/secret');
    await fixture.app.inject({ method: 'DELETE', url: '/api/samples/a' });
    await fixture.app.inject({ method: 'POST', url: '/api/samples', payload: { amount: 'x' } });
    const text = await metrics();
    expect(text).toContain(`${count('GET', '/api/samples/:sampleId', 200)} 3\n`);
    expect(text).toContain(`${count('GET', 'unknown', 404)} 1\n`);
    expect(text).toContain(`${count('DELETE', 'unknown', 405)} 1\n`);
    expect(text).toContain(`${count('POST', '/api/samples', 400)} 1\n`);
    expect(text).not.toMatch(/secret|samples\/a|x=a/);
  });

  it('include those of the process and those that an app adds', async () => {
    const counter = new Counter({
      name: 'syncs_total',
      help: 'Syncs.',
      registers: [fixture.app.get(Registry)],
    });
    counter.inc(2);
    const text = await metrics();
    expect(text).toContain('syncs_total 2\n');
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
  });
});
