import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isInstalled, startNats, startRedis, type BusServer } from '@rivulet/testing';
import { CentralInProcess } from '../support/apps/central-in-process';
import { asAdmin } from '../support/clients/operator';
import { SyncSocket } from '../support/clients/sync-socket';
import { realtimeToken, realtimeVariables } from '../support/clients/realtime-tokens';
import { writeTemporaryFile, type TemporaryFile } from '../support/documents/written-file';

const text = readFileSync(join(__dirname, '../documents/data-sync-server.md'), 'utf8');

/** The code blocks of a language, in the order of the document. */
function blocksOf(language: string): string[] {
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((block) => block[1] === language)
    .map((block) => block[2]!);
}

interface Curl {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** The calls of a shell block. */
function curlsOf(block: string): Curl[] {
  const commands = block.replaceAll('\\\n', ' ').split('\n');
  return commands
    .filter((line) => line.startsWith('curl '))
    .map((line) => ({
      method: /-X (\w+)/.exec(line)?.[1] ?? 'GET',
      url: /http:\S+/.exec(line)![0],
      headers: Object.fromEntries(
        [...line.matchAll(/-H "([^:]+): ([^"]+)"/g)].map(([, name, value]) => [name!, value!]),
      ),
      body: /-d '([^']*)'/.exec(line)?.[1],
    }));
}

const calls = blocksOf('bash').flatMap(curlsOf);

interface Client {
  ws: WebSocket;
  syncData: (topic: string, data: unknown) => void;
  lines: unknown[][];
}

const rules = `
version: 1
topics:
  - { topic: user.notifications, subscribe: any, publish: any, history: { size: 100, age: 1h } }
  - { topic: updates, subscribe: any, history: { size: 100, age: 1h } }
`;

function describeDocument(startServer: () => Promise<BusServer | undefined>): void {
  let server: BusServer | undefined;
  let file: TemporaryFile;
  let central: CentralInProcess;
  let client: Client;

  beforeAll(async () => {
    file = writeTemporaryFile('realtime.yaml', rules);
    server = await startServer();
    central = await CentralInProcess.start({
      ...realtimeVariables,
      CENTRAL_REALTIME_FILE: file.path,
      ...(server && { CENTRAL_BUS_URL: server.url }),
    });
  });
  afterAll(async () => {
    client.ws.close();
    await central.stop();
    await server?.stop();
    file.remove();
  });

  /** The client of the document, with nothing changed but host and a token. */
  function runClient(token: string): Client {
    const [code] = blocksOf('javascript');
    const address = `${central.url.replace('http', 'ws')}/ws/sync?user_id=user123&token=${token}`;
    const lines: unknown[][] = [];
    const log = (...words: unknown[]): void => void lines.push(words);
    const script = code!.replace('ws://localhost:8080/ws/sync?user_id=user123', address);
    // oxlint-disable-next-line no-implied-eval -- it is the document's own code
    const run = new Function('WebSocket', 'console', `${script}\nreturn { ws, syncData };`) as (
      ...globals: unknown[]
    ) => Omit<Client, 'lines'>;
    return { ...run(WebSocket, { log, error: log }), lines };
  }

  async function logged(first: string, count = 1): Promise<unknown[]> {
    for (;;) {
      const found = client.lines.filter(([word]) => word === first);
      if (found.length >= count) return found.map(([, value]) => value);
      await delay(5);
    }
  }

  async function call(part: string): Promise<[number, Record<string, unknown>]> {
    const { method, url, headers, body } = calls.find((candidate) => candidate.url.includes(part))!;
    const response = await fetch(url.replace('http://localhost:8080', central.url), {
      method,
      headers: { ...headers, ...asAdmin },
      body: body ?? null,
    });
    return [response.status, (await response.json()) as Record<string, unknown>];
  }

  it('its client connects, subscribes, and gets what it and others publish', async () => {
    client = runClient(await realtimeToken('user123'));
    await logged('Connected to sync server');
    expect(await logged('Connected:')).toEqual([expect.objectContaining({ user_id: 'user123' })]);
    await untilSubscribed(1);
    client.syncData('user.notifications', { type: 'alert', message: 'New message received' });
    expect(await logged('Data update:')).toEqual([{ type: 'alert', message: 'New message received' }]);
    expect(client.lines.map(([word]) => word)).not.toContain('Error:');
  });

  it('its calls publish to a topic, to all, and tell the status', async () => {
    expect(await call('/api/sync/publish')).toEqual([200, expect.objectContaining({ status: 'published' })]);
    client.ws.send('{"type":"subscribe","topic":"updates"}');
    await untilSubscribed(2);
    await call('/api/sync/publish');
    await call('/api/sync/broadcast');
    expect(await logged('Data update:', 3)).toEqual([
      { type: 'alert', message: 'New message received' },
      { message: 'Hello World' },
      { announcement: 'Server maintenance' },
    ]);
    const [status, body] = await call('/api/sync/status');
    const fields = JSON.parse(blocksOf('json')[0]!) as Record<string, unknown>;
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: fields['status'], clients: 1, connections: 1 });
    for (const [name, value] of Object.entries(fields))
      expect([name, typeof body[name]]).toEqual([name, typeof value]);
  });

  it('its server publishes to a user', async () => {
    const data = { type: 'personal', data: 'Your personal data' };
    expect((await central.call('POST', '/api/sync/publish', { user_id: 'user123', data }, asAdmin))[0]).toBe(
      200,
    );
    expect((await logged('Data update:', 4)).at(-1)).toEqual(data);
  });

  it('knows every type of message that it names', async () => {
    const types = [...text.matchAll(/^- `(\w+)` - /gm)].map(([, type]) => type!);
    const socket = await SyncSocket.open(central, '/ws/sync');
    socket.send({ type: 'auth', token: await realtimeToken('user456') });
    socket.send({ type: 'subscribe', topic: 'user.notifications' });
    socket.send({ type: 'sync', topic: 'user.notifications', data: 1 });
    await socket.next('data');
    socket.send({ type: 'unsubscribe', topic: 'user.notifications' });
    socket.send({ type: 'subscribe', topic: 'unknown' });
    const { error } = await socket.next('error');
    expect(error).toBe('There is no topic unknown that you may subscribe to.');
    socket.send({ type: 'disconnect' });
    expect((await socket.end()).code).toBe(1000);
    expect([...new Set(socket.received.map(({ type }) => type)), 'disconnect'].toSorted()).toEqual(
      types.toSorted(),
    );
  });

  async function untilSubscribed(topics: number): Promise<void> {
    for (;;) {
      const [, { topics: counts }] = await central.call<{ topics: Record<string, number> }>(
        'GET',
        '/api/sync/status',
        undefined,
        asAdmin,
      );
      if (Object.keys(counts).filter((name) => name !== '_all').length === topics) return;
      await delay(5);
    }
  }
}

it('the document has the examples that are run', () => {
  expect(blocksOf('javascript')).toHaveLength(1);
  expect(calls.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
    'POST /api/sync/publish',
    'POST /api/sync/broadcast',
    'GET /api/sync/status',
    'GET /api/sync/status',
  ]);
});

describe('the data sync server over PostgreSQL', () => {
  describeDocument(() => Promise.resolve(undefined));
});

const describeNats = isInstalled('nats-server', 'the data sync server over NATS') ? describe : describe.skip;
const describeRedis = isInstalled('redis-server', 'the data sync server over Redis')
  ? describe
  : describe.skip;

describeNats('the data sync server over NATS', () => {
  describeDocument(startNats);
});

describeRedis('the data sync server over Redis', () => {
  describeDocument(startRedis);
});
