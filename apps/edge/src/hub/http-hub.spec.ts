import type { Acknowledgement, SyncRequest } from '@rivulet/protocol';
import { AnsweringServer } from '../../test/answering-server';
import type { HubCall } from './hub';
import { MacAuthentication } from './call-authentication';
import { hubTimeouts } from './call-limits';
import { HttpHub, type HttpHubSettings } from './http-hub';

const manifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const cycleId = '01KAJ9V9RW4C7ZK3DYE7V1NB2S';
const request: SyncRequest = { protocolVersion: 1, nonce: 'q83vEjRWeJCrze8SNFZ4kA', tables: [] };

let central: AnsweringServer;

// A server for each test: connections that one of them broke are of no use to the next.
beforeEach(async () => {
  central = await AnsweringServer.start();
});
afterEach(() => central.stop());

function hub(settings: Partial<HttpHubSettings> = {}): HttpHub {
  const defaults = { centralUrl: central.url, requestTimeoutMs: 10_000, idleTimeoutMs: 10_000 };
  return new HttpHub({
    authentication: new MacAuthentication('48:b0:2d:e9:c3:b7'),
    ...defaults,
    ...settings,
  });
}

function call(signal = new AbortController().signal): HubCall {
  return { cycleId, signal };
}

function answerJson(body: unknown, status = 200, headers: Record<string, string> = {}): void {
  central.answer = (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(JSON.stringify(body));
  };
}

describe('a request to central', () => {
  it('is answered with what central decided', async () => {
    answerJson({ status: 'current', manifestId });
    expect(await hub().request(request, call())).toEqual({ status: 'current', manifestId });

    answerJson({ status: 'update', manifest: 'a.b.c', plan: { tables: [] }, later: true });
    const update = await hub().request(request, call());
    expect(update).toEqual({ status: 'update', manifest: 'a.b.c', plan: { tables: [] } });
  });

  it('says which device asks and in which cycle', async () => {
    answerJson({ status: 'current', manifestId });
    await hub({ centralUrl: `${central.url}/behind/a/proxy` }).request(request, call());

    const [{ head, body }] = central.received as [(typeof central.received)[number]];
    expect(`${head.method} ${head.url}`).toBe('POST /behind/a/proxy/api/device-sync/request');
    expect(head.headers).toMatchObject({
      'x-device-mac': '48:b0:2d:e9:c3:b7',
      'x-request-id': cycleId,
      'content-type': 'application/json',
    });
    expect(JSON.parse(body)).toEqual(request);
  });

  it('is sent again, the same, while central says that the answer is being made', async () => {
    let answers = 0;
    central.answer = (_, response) => {
      const status = ++answers < 3 ? 202 : 200;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify(status === 202 ? { status: 'working' } : { status: 'current', manifestId }),
      );
    };

    expect(await hub().request(request, call())).toEqual({ status: 'current', manifestId });

    expect(central.received.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      request,
      request,
      request,
    ]);
    expect(central.received[0]!.head.headers['prefer']).toBe('respond-async, wait=3');
  });

  it('fails with the problem that comes in the end', async () => {
    let answers = 0;
    central.answer = (_, response) => {
      const isMade = ++answers > 1;
      response.writeHead(isMade ? 500 : 202, { 'content-type': 'application/json' });
      const problem = { code: 'DATASET_QUERY_FAILED', detail: 'It took too long.' };
      response.end(JSON.stringify(isMade ? problem : { status: 'working' }));
    };

    await expect(hub().request(request, call())).rejects.toMatchObject({ code: 'DATASET_QUERY_FAILED' });
  });

  it('is given up when the answer is made for too long, or the app ends', async () => {
    answerJson({ status: 'working' }, 202);

    await expect(hub({ makingTimeoutMs: 0 }).request(request, call())).rejects.toMatchObject({
      code: 'CENTRAL_UNREACHABLE',
      message: expect.stringContaining('has been making an answer') as string,
    });
    await expect(hub().request(request, call(AbortSignal.timeout(50)))).rejects.toThrow('aborted');
  });

  it('is given up when nothing has come for half a minute', () => {
    expect(hubTimeouts.requestTimeoutMs).toBeLessThanOrEqual(30_000);
    expect(hubTimeouts.idleTimeoutMs).toBeLessThanOrEqual(30_000);
  });

  it('may be answered slowly, as long as something comes', async () => {
    const body = JSON.stringify({ status: 'current', manifestId });
    central.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(body.slice(sent, sent + 10));
        sent += 10;
        if (sent < body.length) return;
        clearInterval(timer);
        response.end();
      }, 250);
    };

    const answered = hub({ requestTimeoutMs: 1_000 }).request(request, call());

    expect(await answered).toEqual({ status: 'current', manifestId });
  });

  it('passes an acknowledgement on as it is', async () => {
    answerJson({ manifestId, status: 'applied', repeated: false });
    const finishedAt = '2026-11-21T08:00:00.000Z';
    const report: Acknowledgement = {
      manifestId,
      status: 'applied',
      cycleId,
      finishedAt,
      durationMs: 5,
      tables: [],
    };
    await hub().acknowledge(report, call());

    expect(central.received[0]!.head.url).toBe('/api/device-sync/acknowledgements');
    expect(JSON.parse(central.received[0]!.body)).toEqual(report);
  });

  it.each([
    [
      'an answer of another type',
      'text/html',
      '<html>Please log in</html>',
      /text\/html instead of application\/json/,
    ],
    ['an answer without a type', undefined, '{}', /nothing instead of application\/json/],
    ['an answer that is not JSON', 'application/json', '{"status":', /not JSON/],
    ['an empty answer', 'application/json', '', /not JSON/],
    ['an answer of another shape', 'application/json', '{"status":"maybe"}', /status is not/],
  ])('refuses %s', async (_, type, body, message) => {
    central.answer = (_request, response) => {
      if (type !== undefined) response.setHeader('content-type', type);
      response.end(body);
    };

    await expect(hub().request(request, call())).rejects.toMatchObject({
      code: 'CENTRAL_RESPONSE_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });

  it('hangs up on an answer that it does not read', async () => {
    const closed = new Promise<string>((resolve) => {
      central.answer = (_, response) => {
        response.setHeader('content-type', 'text/html').write('<html>');
        response.once('close', () => resolve('closed'));
      };
    });

    await expect(hub().request(request, call())).rejects.toMatchObject({ code: 'CENTRAL_RESPONSE_INVALID' });
    await expect(closed).resolves.toBe('closed');
  });

  it('follows no redirect, and tells nobody else who the device is', async () => {
    central.answer = (_, response) => response.writeHead(307, { location: `${central.url}/elsewhere` }).end();

    await expect(hub().request(request, call())).rejects.toMatchObject({
      code: 'CENTRAL_REDIRECTED',
      message: expect.stringContaining('307') as string,
    });

    expect(central.received).toHaveLength(1);
  });

  it('reads no more than 64 MiB', async () => {
    central.answer = (_, response) => {
      response.setHeader('content-type', 'application/json');
      const piece = Buffer.alloc(1 << 20, ' ');
      const send = (): void => {
        while (!response.destroyed && response.write(piece));
        response.once('drain', send);
      };
      send();
    };

    // Not a matter of time: on a busy machine 64 MiB can take longer than a request of the other tests may.
    const patient = hub({ requestTimeoutMs: 60_000 });
    await expect(patient.request(request, call())).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

describe("central's refusal", () => {
  it('keeps its code, its words and what Retry-After says', async () => {
    const problem = { code: 'SERVER_BUSY', detail: 'Eight snapshots are being built.', nextStep: 'Wait.' };
    answerJson(problem, 503, { 'content-type': 'application/problem+json', 'retry-after': '7' });

    await expect(hub().request(request, call())).rejects.toMatchObject({
      code: 'SERVER_BUSY',
      message: 'Central answered: Eight snapshots are being built.',
      nextStep: 'Wait.',
      retryAfterSeconds: 7,
    });
  });

  it.each([
    [502, '<html>Bad gateway</html>', 'CENTRAL_UNREACHABLE'],
    [429, '', 'CENTRAL_UNREACHABLE'],
    [404, '{"code":"NEVER_HEARD_OF","detail":"?"}', 'CENTRAL_RESPONSE_INVALID'],
    [403, '{"code":"__proto__","detail":"?"}', 'CENTRAL_RESPONSE_INVALID'],
    [400, 'null', 'CENTRAL_RESPONSE_INVALID'],
  ])('of status %i with the body %p is named %s', async (status, body, code) => {
    central.answer = (_, response) => response.writeHead(status, { 'retry-after': '3' }).end(body);

    await expect(hub().request(request, call())).rejects.toMatchObject({
      code,
      message: expect.stringContaining(String(status)) as string,
      retryAfterSeconds: 3,
    });
  });

  it('is cut short where it is a novel', async () => {
    answerJson({ code: 'DEVICE_UNKNOWN', detail: 'x'.repeat(50_000), nextStep: 'y'.repeat(5_000) }, 404);
    const error = (await hub()
      .request(request, call())
      .catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: 'DEVICE_UNKNOWN', nextStep: 'y'.repeat(2_000) });
    expect(error.message.length).toBeLessThan(2_100);

    answerJson({ code: 'DEVICE_UNKNOWN', detail: 'x'.repeat(100_000) }, 404);
    await expect(hub().request(request, call())).rejects.toMatchObject({ code: 'CENTRAL_RESPONSE_INVALID' });
  });
});

describe('a connection that fails', () => {
  it('at once, is named with the reason', async () => {
    const { url } = central;
    await central.stop();

    await expect(hub({ centralUrl: url }).request(request, call())).rejects.toMatchObject({
      code: 'CENTRAL_UNREACHABLE',
      message: expect.stringMatching(/^Central at http:\/\/127.*ECONNREFUSED/) as string,
    });
  });

  it('at every address of a name, is named with the reason too', async () => {
    const cause = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
    jest.spyOn(globalThis, 'fetch').mockRejectedValueOnce(new TypeError('fetch failed', { cause }));

    await expect(hub().request(request, call())).rejects.toThrow(/cannot be reached: ECONNREFUSED\.$/);
  });

  it('by a reset, is named with the reason', async () => {
    central.answer = ({ socket }) => socket.resetAndDestroy();

    await expect(hub().request(request, call())).rejects.toMatchObject({
      code: 'CENTRAL_UNREACHABLE',
      message: expect.stringMatching(/ECONNRESET|other side closed/) as string,
    });
  });

  it('by silence, is named after the request timeout', async () => {
    central.answer = () => undefined;

    await expect(hub({ requestTimeoutMs: 50 }).request(request, call())).rejects.toMatchObject({
      code: 'CENTRAL_UNREACHABLE',
      message: expect.stringContaining('did not answer in time') as string,
    });
  });

  it('because this edge stops, keeps the reason that it was given', async () => {
    const stopping = new AbortController();
    central.answer = () => stopping.abort(new Error('This edge is shutting down.'));

    await expect(hub().request(request, call(stopping.signal))).rejects.toThrow(
      'This edge is shutting down.',
    );
  });
});
