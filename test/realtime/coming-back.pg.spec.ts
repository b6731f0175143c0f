import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { SyncSockets } from '../../apps/central/src/realtime/socket/sync-sockets';
import { asAdmin } from '../support/clients/operator';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { realtimeToken } from '../support/clients/realtime-tokens';

/** Messages of 60 kB: more than what the system itself keeps for a connection, which was once 5 MB. */
const SENT = 200;

const rules = `
version: 1
topics:
  - { topic: updates, subscribe: any, publish: any, history: { size: 400, age: 1h } }
`;

let realtime: RealtimeCentral;
let isStopped = false;

beforeAll(async () => {
  realtime = await RealtimeCentral.start(rules, { CENTRAL_REALTIME_SEND_BUFFER: '64KiB' });
});
afterEach(() => realtime.closeSockets());
afterAll(async () => {
  if (!isStopped) await realtime.stop();
});

/** Follows a topic as server-sent events. */
async function follow(lastEventId?: string): Promise<IncomingMessage> {
  const token = await realtimeToken('sse');
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const asked = get(`${realtime.central.url}/api/sync/events?topic=updates&token=${token}`, { headers });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  expect(response.headers['content-type']).toContain('text/event-stream');
  return response;
}

/** Reads events until one contains the text, or the stream has ended. */
async function readEvents(stream: IncomingMessage, last?: string): Promise<string[]> {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('error', () => undefined);
  const isRead = (): boolean => last !== undefined && text.includes(last) && text.endsWith('\n\n');
  while (!stream.closed && !stream.readableEnded && !isRead()) {
    text += (stream.read() as string | null) ?? '';
    await delay(5);
  }
  return text.split('\n\n').slice(0, -1);
}

function numbersOf(events: readonly string[]): { id: string; number: number }[] {
  const found = events.map((event) => /^id: (\S+)\ndata: .*"number":(\d+),/.exec(event));
  return found.flatMap((match) => (match === null ? [] : { id: match[1]!, number: Number(match[2]) }));
}

describe('a client that comes back', () => {
  it('gets what it missed, and a slow one is closed and comes back', async () => {
    const slow = await realtime.connectAs('slow');
    slow.send({ type: 'subscribe', topic: 'updates' });
    const { epoch, position } = await slow.next('subscribe', 3);
    slow.socket.pause();
    const data = 'x'.repeat(60_000);
    for (let number = 0; number < SENT; number++)
      await realtime.publish({ topic: 'updates', data: { number, data } });
    slow.socket.resume();
    expect((await slow.end()).code).toBe(4008);
    const seen = slow.of('data').length;
    expect(seen).toBeLessThan(SENT);
    const last = (slow.of('data').at(-1)?.['position'] ?? position) as number;
    const back = await realtime.connectAs('slow');
    back.send({ type: 'subscribe', topic: 'updates', epoch, position: last });
    expect(await back.next('subscribe', 3)).toMatchObject({ recovered: true, position: last });
    await back.next('data', SENT - seen);
    const all = [...slow.of('data'), ...back.of('data')].map(
      (message) => message['data'] as { number: number },
    );
    expect(all.map(({ number }) => number)).toEqual(Array.from({ length: SENT }, (_, index) => index));
  });

  it('may use server-sent events, and resumes by the ID of the last one', async () => {
    const first = await follow();
    await readEvents(first, 'event: subscribe');
    await realtime.publish({ topic: 'updates', data: 'one' });
    const [one] = await readEvents(first, '"one"');
    first.destroy();
    await realtime.publish({ topic: 'updates', data: 'two' });
    const second = await follow(/^id: (\S+)\ndata: .*"one"/.exec(one!)![1]);
    const resumed = await readEvents(second, '"two"');
    expect(resumed.join()).not.toContain('"one"');
    second.destroy();
    const token = await realtimeToken('sse');
    const path = `/api/sync/events?topic=updates&token=${token}`;
    expect((await realtime.central.call('GET', path, undefined, { 'last-event-id': 'x' }))[0]).toBe(400);
  });

  it('too slow for server-sent events is cut off, and resumes in the same way', async () => {
    const slow = await follow();
    const padding = 'x'.repeat(60_000);
    for (let number = 0; number < SENT; number++)
      await realtime.publish({ topic: 'updates', data: { number, padding } });
    const seen = numbersOf(await readEvents(slow));
    expect(seen.length).toBeLessThan(SENT);
    const back = await follow(seen.at(-1)!.id);
    const missed = numbersOf(await readEvents(back, `"number":${SENT - 1},`));
    back.destroy();
    const numbers = [...seen, ...missed].map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: SENT }, (_, index) => index));
  });
});

it('reads the file of topics again, and ends what it does not allow any more', async () => {
  const socket = await realtime.connectAs('reload');
  socket.send({ type: 'subscribe', topic: 'updates' });
  await socket.next('subscribe', 3);
  realtime.file.write('version: 1\ntopics: [{topic: 7}]');
  expect(await realtime.central.call('POST', '/api/operators/realtime/reload', undefined, asAdmin)).toEqual([
    500,
    expect.objectContaining({
      code: 'REALTIME_FILE_INVALID',
      detail: expect.stringContaining('2:18') as string,
    }),
  ]);
  realtime.file.write('version: 1');
  expect((await realtime.central.call('POST', '/api/operators/realtime/reload', undefined, asAdmin))[0]).toBe(
    200,
  );
  expect(await socket.next('error')).toMatchObject({ code: 'TOPIC_FORBIDDEN', topic: 'updates' });
  realtime.file.write(rules);
  await realtime.central.call('POST', '/api/operators/realtime/reload', undefined, asAdmin);
});

it('ends connections of which nothing is heard, and no others', async () => {
  const [dead, alive] = [await realtime.connectAs('dead'), await realtime.connectAs('alive')];
  dead.socket.pause();
  const now = performance.now.bind(performance);
  let aheadMs = 0;
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
  const look = (atMs: number): void => {
    aheadMs = atMs;
    realtime.central.get(SyncSockets).sweep();
  };
  const pinged = once(alive.socket, 'ping');
  look(54_000);
  await pinged;
  // Central answers after it has had the answer to its own ping.
  alive.socket.ping();
  await once(alive.socket, 'pong');
  look(61_000);
  clock.mockRestore();
  dead.socket.resume();
  expect((await dead.end()).code).toBe(1006);
  alive.send({ type: 'unsubscribe', topic: 'updates' });
  await alive.next('unsubscribe');
});

it('tells clients to come back when it stops, each at a time of its own', async () => {
  const sockets = await Promise.all(['1', '2', '3'].map((user) => realtime.connectAs(user)));
  const stream = await follow();
  isStopped = true;
  await realtime.stop();
  const times = sockets.map((socket) => {
    const { reconnect_after_ms: afterMs } = socket.of('disconnect')[0]!['data'] as Record<string, number>;
    expect(socket.ended).toEqual({ code: 1012, reason: String(afterMs) });
    return afterMs!;
  });
  times.push(Number(/^retry: (\d+)$/.exec((await readEvents(stream)).at(-1)!)![1]));
  expect(new Set(times).size).toBeGreaterThan(1);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...times)).toBeLessThanOrEqual(10_000);
});
