import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ErrorCode } from '@rivulet/errors';
import type { ProxiedAnswer, ProxiedCall } from '@rivulet/testing';
import { AttackedEdges, changed, json, routes } from '../support/attacks/attacked-edges';
import { onPayload, onRequest, type Answer, type Known } from '../support/attacks/proxy-attacks';

let edges: AttackedEdges;
/** What passed by before: for the first edge an update and a "current", and the update of the other edge. */
let known: Known;
/** Where a redirect leads, and what has arrived there. */
let elsewhere: Server | undefined;
const callsElsewhere: string[] = [];

beforeAll(async () => {
  edges = await AttackedEdges.start();
  const { proxy } = edges;
  await edges.sync();
  const update = proxy.recorded(routes.request).answer;
  const payload = proxy.recorded(routes.payload).answer;
  await edges.sync();
  const current = proxy.recorded(routes.request).answer;
  await edges.sync(edges.other);
  const others = proxy.recorded(routes.request).answer;
  elsewhere = createServer((incoming, outgoing) => {
    callsElsewhere.push(`${incoming.url} ${incoming.headers.authorization ?? ''}`);
    outgoing.end();
  }).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  const { port } = elsewhere.address() as AddressInfo;
  known = { update, current, others, payload, elsewhere: `http://127.0.0.1:${port}/` };
});
afterAll(async () => {
  elsewhere?.close();
  await edges?.stop();
});
afterEach(() => (edges.proxy.attack = undefined));

function attackOn(on: RegExp, answer: Answer): void {
  edges.proxy.attack = async ({ method, path }, forward) =>
    on.test(`${method} ${path}`) ? answer(forward, known) : forward();
}

/** Says that an answer was not believed, not that there was none. */
const COUNTED = /^(ANSWER|FRAME|LIMIT|MANIFEST|CENTRAL_(RESPONSE|TOO|REDIR))/;

/** Fails with the code, changes nothing, and is in the log of the edge. */
async function expectRefusal(code: ErrorCode): Promise<void> {
  const before = await edges.mirrors();
  const noted = await notedRefusals();
  expect(await edges.sync()).toMatchObject({ status: 'failed', error: { code } });
  expect(await edges.mirrors()).toEqual(before);
  expect(await edges.logged()).toBe(code);
  const count = COUNTED.test(code) ? 1 : 0;
  expect(await notedRefusals()).toBe(noted + count);
  const metrics = await edges.metrics();
  expect(metrics.includes(`rivulet_edge_answers_refused_total{code="${code}"`)).toBe(count === 1);
}

async function notedRefusals(): Promise<number> {
  return (await edges.status()).refusedAnswers.total;
}

describe('a malicious proxy changes no mirror', () => {
  it.each(onRequest)('when it %s: %s', async (_, code, answer) => {
    attackOn(routes.request, answer);
    await expectRefusal(code);
    expect(callsElsewhere).toEqual([]);
  });

  it('and an honest answer is believed after all that', async () => {
    expect(await edges.sync()).toMatchObject({ status: 'current' });
  });

  it.each(onPayload)('when it %s: %s; and what is honest is applied then', async (_, code, answer) => {
    await edges.change('!');
    attackOn(routes.payload, answer);
    await expectRefusal(code);
    edges.proxy.attack = undefined;
    expect(await edges.sync()).toMatchObject({ status: 'applied' });
  });

  it('when it makes up a patch, with its digest in the plan', async () => {
    await edges.change('+');
    edges.proxy.attack = async ({ method, path }, forward) => {
      const answer = await forward();
      if (!routes.request.test(`${method} ${path}`)) return answer;
      return changed(answer, (body) => {
        const plan = body['plan'] as { tables: { action: string; frames?: string[]; chunks?: string[] }[] };
        for (const table of plan.tables) {
          if (table.frames) table.frames[0] = 'ab'.repeat(32);
          if (table.chunks) table.chunks[0] = 'ab'.repeat(32);
        }
        return body;
      });
    };
    const before = await edges.mirrors();
    const { status, error } = await edges.sync();
    expect([status, error?.code]).toEqual(['failed', 'FRAME_INVALID']);
    expect(await edges.mirrors()).toEqual(before);
    edges.proxy.attack = undefined;
    expect(await edges.sync()).toMatchObject({ status: 'applied' });
  });
});

describe('reports', () => {
  it.each([
    ['swallows', async () => 'cut' as const],
    [
      'swallows, with a receipt for another one,',
      async () => json({ manifestId: 'another', status: 'applied' }),
    ],
    ['swallows, with an empty receipt,', async () => json({})],
  ] satisfies [string, Answer][])(
    'that a proxy %s stay pending, and the next cycle brings them',
    async (_, answer) => {
      await edges.change('?');
      attackOn(routes.report, answer);
      expect(await edges.sync()).toMatchObject({ status: 'applied', acknowledged: false });
      edges.proxy.attack = undefined;
      expect(await edges.sync()).toMatchObject({ status: 'current', acknowledged: true });
    },
  );

  it('that a proxy swallows, with a receipt made up for it, are sent again when central says that it lacks them', async () => {
    await edges.change('!');
    let report: { manifestId?: string } = {};
    edges.proxy.attack = async ({ method, path, body }, forward) => {
      if (!routes.report.test(`${method} ${path}`)) return forward();
      report = JSON.parse(body.toString()) as typeof report;
      return json({ manifestId: report.manifestId, status: 'applied', repeated: false });
    };
    expect(await edges.sync()).toMatchObject({ status: 'applied', acknowledged: true });
    edges.proxy.attack = undefined;
    expect(await edges.reported(report.manifestId!)).toBe(false);
    expect(await edges.sync()).toMatchObject({ status: 'current', acknowledged: true });
    expect(await edges.reported(report.manifestId!)).toBe(true);
  });

  it('that a proxy changes are refused by central, and the true one is taken', async () => {
    await edges.change('#');
    const forged: string[] = [];
    edges.proxy.attack = async (call, forward) => {
      if (!routes.report.test(`${call.method} ${call.path}`)) return forward();
      const report = JSON.parse(call.body.toString()) as Record<string, unknown>;
      for (const lie of [{ durationMs: 7 }, { statement: undefined }, { statement: 'a.b.c' }]) {
        const body = Buffer.from(JSON.stringify({ ...report, ...lie }));
        forged.push(codeOf(await edges.proxy.send({ ...call, body })));
      }
      return forward();
    };
    expect(await edges.sync()).toMatchObject({ status: 'applied', acknowledged: true });
    expect(forged).toEqual(['REPORT_SIGNATURE_INVALID', 'REPORT_UNSIGNED', 'REPORT_SIGNATURE_INVALID']);
  });
});

function codeOf({ body }: ProxiedAnswer): string {
  return (JSON.parse(body.toString()) as { code: string }).code;
}

/** The first such call is of the first edge, and the last one of whichever has synced last. */
function captured(matches: RegExp, which: 0 | -1): ProxiedCall {
  return edges.proxy.seen.filter(({ call }) => matches.test(`${call.method} ${call.path}`)).at(which)!.call;
}

describe('what a proxy has captured is of no use', () => {
  it('an assertion buys no second token', async () => {
    expect(codeOf(await edges.proxy.send(captured(routes.token, 0)))).toBe('ASSERTION_REPLAYED');
  });

  it("the token of one device gets nothing of another's, and reports nothing for it", async () => {
    await edges.sync(edges.other);
    const { authorization } = captured(routes.request, -1).headers;
    const as = (call: ProxiedCall): ProxiedCall => ({
      ...call,
      headers: { ...call.headers, authorization: authorization! },
    });
    expect(codeOf(await edges.proxy.send(as(captured(routes.payload, 0))))).toBe('MANIFEST_UNKNOWN');
    expect(['MANIFEST_UNKNOWN', 'REPORT_SIGNATURE_INVALID']).toContain(
      codeOf(await edges.proxy.send(as(captured(routes.report, 0)))),
    );
  });
});

it('an edge from which the word of central is kept says that its rows are stale', async () => {
  expect(await edges.sync()).toMatchObject({ status: 'current' });
  expect((await edges.status()).freshness).toMatchObject({ state: 'fresh' });
  attackOn(routes.request, async () => known.current);
  const real = performance.now.bind(performance);
  const later = jest.spyOn(performance, 'now').mockImplementation(() => real() + 2 * 600_000);
  try {
    expect(await edges.sync()).toMatchObject({ status: 'failed', error: { code: 'ANSWER_REPLAYED' } });
    const { freshness } = await edges.status();
    expect(freshness).toMatchObject({
      state: 'stale',
      problem: expect.stringContaining('600 s are allowed'),
    });
    const health = await edges.health();
    expect([health.status, health.details.lastSync.stale]).toEqual(['degraded', true]);
    expect(await edges.metrics()).toMatch(/^rivulet_edge_stale(\{.*\})? 1$/m);
  } finally {
    later.mockRestore();
  }
  edges.proxy.attack = undefined;
  expect(await edges.sync()).toMatchObject({ status: 'current' });
  expect((await edges.status()).freshness).toMatchObject({ state: 'fresh' });
});
