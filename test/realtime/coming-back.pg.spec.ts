import { setTimeout as delay } from 'node:timers/promises';
import { asAdmin } from '../support/operator';
import { RealtimeCentral } from '../support/realtime-central';
import { realtimeToken } from '../support/realtime-tokens';

const rules = `
version: 1
topics:
  - { topic: updates, subscribe: any, publish: any, history: { size: 100, age: 1h } }
`;

let realtime: RealtimeCentral;

beforeAll(async () => {
  realtime = await RealtimeCentral.start(rules, { CENTRAL_REALTIME_SEND_BUFFER: '64KiB' });
});
afterEach(() => realtime.closeSockets());
afterAll(() => realtime.stop());

describe('a client that comes back', () => {
  it('gets what it missed, and a slow one is closed and comes back', async () => {
    const slow = await realtime.connectAs('slow');
    slow.send({ type: 'subscribe', topic: 'updates' });
    const { epoch, position } = await slow.next('subscribe', 3);
    slow.socket.pause();
    const data = 'x'.repeat(60_000);
    for (let number = 0; number < 90; number++)
      await realtime.publish({ topic: 'updates', data: { number, data } });
    slow.socket.resume();
    expect((await slow.end()).code).toBe(4008);
    const seen = slow.of('data').length;
    expect(seen).toBeLessThan(90);
    const last = (slow.of('data').at(-1)?.['position'] ?? position) as number;
    const back = await realtime.connectAs('slow');
    back.send({ type: 'subscribe', topic: 'updates', epoch, position: last });
    expect(await back.next('subscribe', 3)).toMatchObject({ recovered: true, position: last });
    await back.next('data', 90 - seen);
    const all = [...slow.of('data'), ...back.of('data')].map(
      (message) => message['data'] as { number: number },
    );
    expect(all.map(({ number }) => number)).toEqual(Array.from({ length: 90 }, (_, index) => index));
  });

  it('may use server-sent events, and resumes by the ID of the last one', async () => {
    const token = await realtimeToken('sse');
    const follow = async (lastEventId?: string): Promise<{ text: () => string; stop: () => void }> => {
      const over = new AbortController();
      const response = await fetch(`${realtime.central.url}/api/sync/events?topic=updates&token=${token}`, {
        headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
        signal: over.signal,
      });
      expect(response.headers.get('content-type')).toContain('text/event-stream');
      const texts: string[] = [];
      const decoder = new TextDecoder();
      const reading = (async () => {
        for await (const chunk of response.body!)
          texts.push(decoder.decode(chunk as Uint8Array, { stream: true }));
      })();
      reading.catch(() => undefined);
      return { text: () => texts.join(''), stop: () => over.abort() };
    };
    const first = await follow();
    while (!first.text().includes('event: subscribe')) await delay(5);
    await realtime.publish({ topic: 'updates', data: 'one' });
    while (!first.text().includes('"one"')) await delay(5);
    first.stop();
    const id = /id: (\S+)\ndata: .*"one"/.exec(first.text())![1]!;
    await realtime.publish({ topic: 'updates', data: 'two' });
    const second = await follow(id);
    while (!second.text().includes('"two"')) await delay(5);
    expect(second.text()).not.toContain('"one"');
    second.stop();
    expect(
      (
        await realtime.central.call('GET', `/api/sync/events?topic=updates&token=${token}`, undefined, {
          'last-event-id': 'x',
        })
      )[0],
    ).toBe(400);
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
