import type { RunningApp } from '../support/apps/running-app';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { DeviceClient, someUlid, validRequest, type Problem } from '../support/clients/device-client';
import { asAdmin } from '../support/clients/operator';
import { startCentral } from '../support/apps/sync-pair';

const held = { name: 'users', fingerprint: 'a'.repeat(64), checksum: 'b'.repeat(64) };

let database: TestDatabase;
let central: RunningApp;
let device: DeviceClient;

beforeAll(async () => {
  database = await createTestDatabase();
  central = await startCentral(database);
  device = new DeviceClient(central.url);
});
afterAll(async () => {
  await central.stop();
  await database.drop();
});

/** Status, code, and the first field with its reason. */
function verdict([status, { code, errors }]: [number, Problem]): unknown[] {
  const [first] = errors ?? [];
  return [status, code, ...(first ? [`${first.field} ${first.reason}`] : [])];
}

async function refusal(body: unknown): Promise<unknown[]> {
  return verdict(await device.post('request', body));
}

describe('nul', () => {
  const nul = 'must not contain NUL (U+0000)';

  it('in a body is refused by the name of the field', async () => {
    const error = { code: 'APPLY_FAILED', message: 'a\0b' };
    const report = { ...failedReport(), error };
    expect(verdict(await device.post('acknowledgements', report))).toEqual([
      400,
      'REQUEST_INVALID',
      `error.message ${nul}`,
    ]);
    const tables = [{ ...held, name: '\0' }];
    expect(await refusal({ ...validRequest, tables })).toEqual([
      400,
      'REQUEST_INVALID',
      `tables[0].name ${nul}`,
    ]);
    expect(await refusal({ ...validRequest, 'a\0': 1 })).toEqual([
      400,
      'REQUEST_INVALID',
      'body has a field whose name holds NUL or half a surrogate pair',
    ]);
  });

  it('in a path or a query is refused', async () => {
    expect(verdict(await device.get('manifests/%00/payload'))).toEqual([
      400,
      'REQUEST_INVALID',
      `manifestId ${nul}`,
    ]);
    expect(verdict(await device.get(`manifests/${someUlid}/payload?frames=%00`))).toEqual([
      400,
      'REQUEST_INVALID',
      `frames ${nul}`,
    ]);
  });

  it('in a header, or as a byte of a body, is no HTTP and no JSON', async () => {
    const head = `POST /api/device-sync/request HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`;
    const inHeader = await device.raw(`${head}X-Device-Mac: a\0b\r\n\r\n`);
    expect([inHeader.status, inHeader.problem.code]).toEqual([400, 'REQUEST_INVALID']);
    const body = '{"nonce":"a\0b"}';
    expect((await device.post('request', body))[1].detail).toContain('not JSON');
  });

  it('has siblings that are refused as well', async () => {
    const half = JSON.stringify(validRequest).replace('"tables":[]', String.raw`"tables":["\ud800"]`);
    expect(await refusal(half)).toEqual([
      400,
      'REQUEST_INVALID',
      'tables[0] must not contain half of a surrogate pair',
    ]);
    const rows = { ...appliedReport(someUlid, []), durationMs: 2 ** 60 };
    expect(verdict(await device.post('acknowledgements', rows))[2]).toMatch(
      /^durationMs must be a whole number/,
    );
    const huge = JSON.stringify(validRequest).replace('"tables":[]', '"tables":[1e999]');
    expect((await refusal(huge))[2]).toMatch(/^tables\[0\] is larger than any number/);
  });
});

describe('version-first', () => {
  it('answers another version before anything else', async () => {
    for (const body of [
      { protocolVersion: 2, x: 1 },
      { protocolVersion: 99, tables: [[]], nonce: 5 },
      { protocolVersion: 2_000_000 },
    ]) {
      const [status, problem] = await device.post('request', body);
      expect([status, problem.code]).toEqual([400, 'PROTOCOL_UNSUPPORTED']);
    }
  });

  it.each([
    [{}, 'protocolVersion is missing'],
    [{ x: 1 }, 'protocolVersion is missing'],
    [{ protocolVersion: 'one' }, 'protocolVersion must be a whole number, 1 or more'],
    [{ protocolVersion: 0 }, 'protocolVersion must be a whole number, 1 or more'],
    [{ protocolVersion: null }, 'protocolVersion must be a whole number, 1 or more'],
  ])('names it where it is not right: %j', async (body, reason) => {
    expect(await refusal(body)).toEqual([400, 'REQUEST_INVALID', reason]);
  });
});

describe('odd-requests', () => {
  const { tables: _tables, ...withoutTables } = validRequest;
  const bodies: [unknown, RegExp][] = [
    [{ ...validRequest, tables: [[]] }, /^tables\[0\] must be an object$/],
    [{ ...validRequest, tables: [null] }, /^tables\[0\] must be an object$/],
    [{ ...validRequest, tables: ['users'] }, /^tables\[0\] must be an object$/],
    [{ ...validRequest, tables: {} }, /^tables must be an array$/],
    [{ ...validRequest, tables: [held, held] }, /^tables must name each table once; "users" is there twice$/],
    [
      { ...validRequest, tables: [{ ...held, name: '' }] },
      /^tables\[0\].name must be a text of 1 to 63 bytes/,
    ],
    [{ ...validRequest, tables: [{ ...held, name: 'ü'.repeat(32) }] }, /^tables\[0\].name must be a text of/],
    [withoutTables, /^tables is missing$/],
    ['null', /^body must be an object$/],
    ['', /^body is empty; this route needs a JSON object$/],
    ['[]', /^body must be an object$/],
    ['7', /^body must be an object$/],
  ];

  it.each(bodies)('such as %j say what is wrong', async (body, reason) => {
    expect(await refusal(body)).toEqual([400, 'REQUEST_INVALID', expect.stringMatching(reason) as string]);
  });

  it('with a field twice say which', async () => {
    const body = JSON.stringify(validRequest).replace('{', String.raw`{"nonc\u0065":"x",`);
    const [status, problem] = await device.post('request', body);
    expect([status, problem.detail]).toEqual([400, 'The body has the field "nonce" twice in one object.']);
  });

  const payload = `manifests/${someUlid}/payload`;

  it.each([
    [`${payload}?x=1`, 'x is not a query parameter of this route'],
    [`${payload}?frames[]=0-0`, 'frames[] is not a query parameter of this route'],
    [`${payload}?frames=0-0&frames=1-1`, 'frames must be given once'],
    ['manifests//payload', 'manifestId is missing from the path'],
  ])('such as GET %s say what is wrong', async (path, reason) => {
    expect(verdict(await device.get(path))).toEqual([400, 'REQUEST_INVALID', reason]);
  });

  it.each([
    ['charset=utf-16', { 'content-type': 'application/json; charset=utf-16' }],
    ['gzip', { 'content-encoding': 'gzip' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('in %s are not read', async (_name, headers) => {
    expect(verdict(await device.post('request', validRequest, headers))).toEqual([
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ]);
  });

  it('on the routes of operators and of probes are refused as well', async () => {
    for (const path of ['/api/operators/datasets?x=1', '/health?x=1', '/metrics?x=1']) {
      const response = await fetch(`${central.url}${path}`, { headers: asAdmin });
      expect([path, response.status]).toEqual([path, 400]);
    }
    const reload = await fetch(`${central.url}/api/operators/datasets/reload`, {
      method: 'POST',
      headers: { ...asAdmin, 'content-type': 'application/json' },
      body: '{"file":"x"}',
    });
    expect(await reload.json()).toMatchObject({ code: 'REQUEST_INVALID' });
  });

  const end = 'Connection: close\r\n\r\n';

  it.each([
    ['no Host', `GET /health HTTP/1.1\r\n${end}`, 400, 'The request has no Host header.'],
    ['two Hosts', `GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n${end}`, 400, 'more than one Host'],
    ['an expectation', `GET /health HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n${end}`, 400, 'Expect'],
    ['a GET with a body', `GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n${end}x`, 400, 'no body'],
    ['no HTTP', `hello\r\n\r\n`, 400, 'not an HTTP request'],
    ['a method that nobody knows', `FETCH / HTTP/1.1\r\nHost: a\r\n${end}`, 400, 'not an HTTP request'],
    ['CONNECT', `CONNECT a:1 HTTP/1.1\r\nHost: a\r\n${end}`, 405, 'no proxy'],
    ['TRACE', `TRACE /health HTTP/1.1\r\nHost: a\r\n${end}`, 405, 'takes GET and HEAD'],
    ['HTTP/3.0', `GET / HTTP/3.0\r\nHost: a\r\n${end}`, 400, 'HTTP/1.1'],
    ['a long head', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n${end}`, 413, 'headers are larger'],
    [
      'an upgrade',
      `GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n`,
      404,
      '/ws',
    ],
    [
      'lengths that differ',
      `POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n${end}x`,
      400,
      '',
    ],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\nHost: a\r\n${end}`, 404, ''],
  ])('with %s have a problem for an answer', async (_name, text, status, detail) => {
    const answer = await device.raw(text);
    expect([answer.status, answer.problem.status]).toEqual([status, status]);
    expect(answer.head.toLowerCase()).toContain('content-type: application/problem+json');
    expect(answer.head.toLowerCase()).toContain('x-request-id: ');
    expect(answer.problem.detail).toContain(detail);
  });

  it('in HTTP/1.0, or with the whole URL, are answered', async () => {
    expect((await device.raw('GET /health/live HTTP/1.0\r\n\r\n')).status).toBe(200);
    const absolute = `GET http://central:1/health/live HTTP/1.1\r\nHost: central:1\r\n${end}`;
    expect((await device.raw(absolute)).status).toBe(200);
    const expecting = `POST /api/device-sync/request HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${end}`;
    expect((await device.raw(expecting)).status).toBe(100);
  });
});

describe('acknowledgement-contradictions', () => {
  it('are refused by the field', async () => {
    const { manifestId, tables } = await device.manifest();
    const proof = tables.map(({ name, rows, checksum }) => ({ name, rows, checksum }));
    const applied = appliedReport(manifestId, proof);
    const stranger = { ...proof[0], name: 'strangers' };
    const cases: [object, RegExp][] = [
      [appliedReport(manifestId, [...proof, stranger]), /^tables\[\d+\].name is no table of this manifest$/],
      [appliedReport(manifestId, [...proof, proof[0]!]), /^tables must name each table once/],
      [appliedReport(manifestId, proof.slice(1)), /^tables must have /],
      [{ ...failedReport(manifestId), tables: proof }, /^tables must be empty: status is not applied$/],
      [{ ...applied, error: failedReport().error }, /^error must be left out: status is not failed$/],
      ...['2026-11-21T08:00:03', '2026-11-21', '2026-02-30T08:00:00Z', '2026-13-01T00:00:00Z', 'now', '']
        .concat(
          '2026-11-21T24:00:00Z',
          '0000-01-01T00:00:00Z',
          '2026-11-21T08:00:00+16:00',
          '20261121T080000Z',
        )
        .map((finishedAt): [object, RegExp] => [{ ...applied, finishedAt }, /^finishedAt must be a moment/]),
      [{ ...failedReport(manifestId), error: [] }, /^error must be an object$/],
    ];
    for (const [report, reason] of cases) {
      expect(verdict(await device.post('acknowledgements', report))).toEqual([
        400,
        'REQUEST_INVALID',
        expect.stringMatching(reason) as string,
      ]);
    }
    expect((await device.post('acknowledgements', failedReport(manifestId)))[0]).toBe(200);
    for (const finishedAt of [
      '1970-01-01T00:00:00.1Z',
      '2024-02-29T23:59:59+05:30',
      '9999-12-31T00:00:00-12:00',
    ])
      expect((await device.post('acknowledgements', { ...applied, finishedAt }))[0]).toBe(200);
  });
});

it('nothing of all this is an error of ours', () => {
  expect(central.complaints.filter(({ level }) => level !== 'warn')).toEqual([]);
});

function failedReport(manifestId = someUlid) {
  return {
    ...appliedReport(manifestId, []),
    status: 'failed',
    error: { code: 'APPLY_FAILED', message: 'The reason.' },
  };
}

function appliedReport(manifestId: string, tables: object[]) {
  return {
    manifestId,
    status: 'applied',
    cycleId: someUlid,
    finishedAt: '2026-11-21T08:00:03.251Z',
    durationMs: 1,
    tables,
  };
}
