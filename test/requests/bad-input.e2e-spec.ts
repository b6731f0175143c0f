import type { RunningApp } from '../support/apps/running-app';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DEMO_MAC, startCentral } from '../support/apps/sync-pair';

const nonce = 'AAAAAAAAAAAAAAAAAAAAAA';
const valid = { protocolVersion: 1, nonce, tables: [] };
const json = { 'content-type': 'application/json' };
const device = { 'x-device-mac': DEMO_MAC };
const someManifest = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

const payload = (id: string): string => `/api/device-sync/manifests/${id}/payload`;

interface Problem {
  type: string;
  status: number;
  code: string;
  detail: string;
  nextStep: string;
  requestId: string;
  errors?: { field: string; reason: string }[];
}

describe('central, given bad input,', () => {
  let database: TestDatabase;
  let central: RunningApp;

  beforeAll(async () => {
    database = await createTestDatabase();
    central = await startCentral(database);
  });
  afterAll(async () => {
    await central.stop();
    await database.drop();
  });

  async function call(
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: unknown,
  ): Promise<Response> {
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    return fetch(`${central.url}${path}`, { method, headers, ...(text === undefined ? {} : { body: text }) });
  }

  const request = '/api/device-sync/request';
  const acknowledge = '/api/device-sync/acknowledgements';
  const held = { name: 'users', fingerprint: 'a'.repeat(64), checksum: 'b'.repeat(64) };

  const cases: [string, number, string, () => Promise<Response>][] = [
    ['no device header', 401, 'DEVICE_UNIDENTIFIED', () => call('POST', request, json, valid)],
    [
      'a malformed MAC',
      400,
      'MAC_ADDRESS_INVALID',
      () => call('POST', request, { ...json, 'x-device-mac': '48:b0' }, valid),
    ],
    [
      'an SQL injection as MAC',
      400,
      'MAC_ADDRESS_INVALID',
      () => call('POST', request, { ...json, 'x-device-mac': "' OR true --" }, valid),
    ],
    [
      'an unknown MAC',
      404,
      'DEVICE_UNKNOWN',
      () => call('POST', request, { ...json, 'x-device-mac': '02:11:22:33:44:55' }, valid),
    ],
    [
      'an inactive device',
      403,
      'DEVICE_INACTIVE',
      () => call('POST', request, { ...json, 'x-device-mac': '48:b0:2d:5c:08:e1' }, valid),
    ],
    ['no body', 400, 'REQUEST_INVALID', () => call('POST', request, { ...json, ...device })],
    [
      'a body that is not JSON',
      400,
      'REQUEST_INVALID',
      () => call('POST', request, { ...json, ...device }, '{"protocolVersion":'),
    ],
    [
      'a wrong type',
      400,
      'REQUEST_INVALID',
      () => call('POST', request, { ...json, ...device }, { ...valid, protocolVersion: 'one' }),
    ],
    [
      'an unknown field',
      400,
      'REQUEST_INVALID',
      () => call('POST', request, { ...json, ...device }, { ...valid, scope: 'all' }),
    ],
    [
      '__proto__',
      400,
      'REQUEST_INVALID',
      () => call('POST', request, { ...json, ...device }, '{"__proto__":{"admin":true}}'),
    ],
    [
      'a wrong field deep inside',
      400,
      'REQUEST_INVALID',
      () =>
        call(
          'POST',
          request,
          { ...json, ...device },
          { ...valid, tables: [held, { ...held, checksum: 'x' }] },
        ),
    ],
    [
      'a malformed ULID',
      400,
      'REQUEST_INVALID',
      () => call('POST', request, { ...json, ...device }, { ...valid, lastManifestId: 'ULID' }),
    ],
    [
      'another protocol version',
      400,
      'PROTOCOL_UNSUPPORTED',
      () => call('POST', request, { ...json, ...device }, { ...valid, protocolVersion: 99 }),
    ],
    [
      'another content type',
      415,
      'MEDIA_TYPE_UNSUPPORTED',
      () => call('POST', request, { 'content-type': 'text/xml', ...device }, '<x/>'),
    ],
    [
      'an oversized body',
      413,
      'REQUEST_TOO_LARGE',
      () => call('POST', request, { ...json, ...device }, `"${'x'.repeat(2_000_000)}"`),
    ],
    ['a wrong method', 405, 'METHOD_NOT_ALLOWED', () => call('DELETE', request, device)],
    ['an unknown path', 404, 'ROUTE_UNKNOWN', () => call('GET', '/api/device-sync/everything', device)],
    [
      'a malformed manifest id',
      400,
      'REQUEST_INVALID',
      () => call('GET', payload('..%2f..%2fetc%2fpasswd'), device),
    ],
    [
      'a manifest that is not there',
      404,
      'MANIFEST_UNKNOWN',
      () => call('GET', payload(someManifest), device),
    ],
    [
      'an acknowledgement of it',
      404,
      'MANIFEST_UNKNOWN',
      () =>
        call(
          'POST',
          acknowledge,
          { ...json, ...device },
          {
            manifestId: someManifest,
            status: 'applied',
            cycleId: someManifest,
            finishedAt: '2026-11-21T08:00:03.251Z',
            durationMs: 1,
            tables: [],
          },
        ),
    ],
  ];

  it.each(cases)('such as %s, answers %i %s', async (_name, status, code, send) => {
    const answer = await send();
    const problem = (await answer.json()) as Problem;
    expect([answer.status, problem.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(problem).toMatchObject({
      status,
      type: `urn:rivulet:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    });
    expect(problem.detail).toMatch(/\.$/);
    expect(problem.nextStep).toMatch(/\.$/);
    expect(problem.requestId).toBe(answer.headers.get('x-request-id'));
    expect(JSON.stringify(problem)).not.toMatch(/node_modules|at \w+ \(|SELECT/);
  });

  it('names the field that is wrong', async () => {
    const answer = await call(
      'POST',
      request,
      { ...json, ...device },
      { ...valid, tables: [held, { ...held, checksum: 'x' }] },
    );
    const { errors } = (await answer.json()) as Problem;
    expect(errors).toEqual([
      { field: 'tables[1].checksum', reason: expect.stringContaining('SHA-256') as string },
    ]);
  });

  it("answers another device's manifest as one that does not exist", async () => {
    const mine = (await (await call('POST', request, { ...json, ...device }, valid)).json()) as {
      manifest: string;
    };
    const body = Buffer.from(mine.manifest.split('.')[1]!, 'base64url').toString();
    const { manifestId } = JSON.parse(body) as { manifestId: string };
    const other = { 'x-device-mac': '48:b0:2d:1a:7f:42' };
    expect((await call('GET', payload(manifestId), device)).status).toBe(200);

    for (const answer of [
      await call('GET', payload(manifestId), other),
      await call(
        'POST',
        acknowledge,
        { ...json, ...other },
        {
          manifestId,
          status: 'failed',
          cycleId: someManifest,
          finishedAt: '2026-11-21T08:00:03.251Z',
          durationMs: 1,
          tables: [],
        },
      ),
    ]) {
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    }
  });

  it('refuses an acknowledgement that does not prove the rows', async () => {
    const mine = (await (await call('POST', request, { ...json, ...device }, valid)).json()) as {
      manifest: string;
    };
    const body = Buffer.from(mine.manifest.split('.')[1]!, 'base64url').toString();
    const { manifestId } = JSON.parse(body) as { manifestId: string };
    const answer = await call(
      'POST',
      acknowledge,
      { ...json, ...device },
      {
        manifestId,
        status: 'applied',
        cycleId: someManifest,
        finishedAt: '2026-11-21T08:00:03.251Z',
        durationMs: 1,
        tables: [{ name: 'users', rows: 0, checksum: '0'.repeat(64) }],
      },
    );
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('takes a MAC address in any usual notation', async () => {
    for (const mac of ['48-B0-2D-E9-C3-B7', '48b0.2de9.c3b7', '48B02DE9C3B7', '48b02d-e9c3b7']) {
      expect((await call('POST', request, { ...json, 'x-device-mac': mac }, valid)).status).toBe(200);
    }
  });

  it('logs nothing of all this above WARN', () => {
    expect(central.complaints.filter(({ level }) => level !== 'warn')).toEqual([]);
  });
});
