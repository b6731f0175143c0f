import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { awaitFirstSync } from './first-sync';
import { becomesReady } from './health';

interface Answer {
  status: number;
  body?: object;
}

/** Gives these answers one after the other, and then the last one again and again. */
async function serve(
  path: string,
  answers: Answer[],
): Promise<{ server: Server; url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    const answer = answers[Math.min(asked, answers.length - 1)]!;
    asked += 1;
    response.statusCode = request.url === path ? answer.status : 404;
    response.end(JSON.stringify(answer.body ?? {}));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}`, asked: () => asked };
}

function applied(startedAt: string): object {
  return { status: 'applied', startedAt };
}

describe('npm start', () => {
  const never = new AbortController().signal;
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('waits until central calls itself ready', async () => {
    const { server, url, asked } = await serve('/health/ready', [
      { status: 503 },
      { status: 503 },
      { status: 200 },
    ]);
    servers.push(server);
    expect(await becomesReady(url, never)).toBe(true);
    expect(asked()).toBe(3);
  });

  it('no longer waits when it is asked to stop', async () => {
    const { server, url } = await serve('/health/ready', [{ status: 503 }]);
    servers.push(server);
    expect(await becomesReady(url, AbortSignal.timeout(250))).toBe(false);
  });

  it('takes for the first sync the one that began after the start, not an earlier one', async () => {
    const since = new Date('2026-11-27T10:00:00Z');
    const progress = { phase: 'applying', rowsDone: 1, rowsTotal: 2, bytesDone: 10, bytesTotal: 20 };
    const { server, url } = await serve('/api/sync/status', [
      { status: 503 },
      { status: 200, body: { state: 'idle', lastResult: applied('2026-11-27T09:00:00Z') } },
      { status: 200, body: { state: 'syncing', progress, lastResult: applied('2026-11-27T09:00:00Z') } },
      { status: 200, body: { state: 'idle', lastResult: applied('2026-11-27T10:00:01Z') } },
    ]);
    servers.push(server);
    expect(await awaitFirstSync(url, since, never)).toEqual(applied('2026-11-27T10:00:01Z'));
  });

  it('does without the first sync when it is asked to stop', async () => {
    const { server, url } = await serve('/api/sync/status', [{ status: 200, body: { state: 'syncing' } }]);
    servers.push(server);
    expect(await awaitFirstSync(url, new Date(), AbortSignal.timeout(250))).toBeUndefined();
  });
});
