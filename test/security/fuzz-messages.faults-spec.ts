import { connect } from 'node:net';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { countInput, fuzzedMessages, tellInputs } from '../support/histories/fuzz-length';
import { historySeed } from '../support/histories/history-length';
import { makeMessageCallers } from '../support/clients/message-callers';
import { damaged, oddBytes, seededRandom, type Random } from '../support/attacks/odd-inputs';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { realtimeToken } from '../support/clients/realtime-tokens';

jest.setTimeout(60_000 + fuzzedMessages * 50);
tellInputs('connections');

const rules = `
version: 1
topics:
  - { topic: open, subscribe: any, publish: any, history: { size: 100, age: 1h } }
  - { topic: 'sites.{site_id}.>', subscribe: any, publish: any }
`;
const MESSAGES_A_CONNECTION = 20;

let realtime: RealtimeCentral;
let deviceToken: string;

beforeAll(async () => {
  realtime = await RealtimeCentral.start(rules, {
    CENTRAL_REALTIME_MESSAGES_PER_SECOND: '10000',
    CENTRAL_RATE_LIMIT_ADDRESS: '0',
    CENTRAL_RATE_LIMIT_DEVICE: '0',
  });
  const { callers } = await makeMessageCallers(realtime.central);
  deviceToken = callers.find(({ name }) => name === 'device')!.token!;
});
afterAll(() => realtime?.stop());

const envelope = { agent_name: 'fuzz', status: 'online', timestamp: '2026-11-21T08:00:00.000Z' };
const ofAgents = [
  { type: 'REGISTER', ...envelope, data: { version: '1', os: 'x' } },
  { type: 'HEARTBEAT', id: '1', ...envelope, data: { cpu_usage: 1.5, text: 'x', on: true } },
  {
    type: 'DATA',
    id: '2',
    ...envelope,
    data: { run_id: '01KAJ9V9RW4C7ZK3DYE7V1NB2R', rows: [{ a: [1, null] }], last: true },
  },
  { type: 'ACK', ...envelope, data: { of: 'JOB', id: 'x' } },
  { type: 'ERROR', ...envelope, data: { code: 'X', message: 'x' } },
];
const ofClients = [
  { type: 'subscribe', topic: 'open', epoch: 'e', position: 1, positions: { 'sites.1.x': 2 }, id: '1' },
  { type: 'unsubscribe', topic: 'sites.>', id: '2' },
  { type: 'sync', topic: 'open', data: { a: [1, { b: null }] }, key: 'k', id: '3' },
  { type: 'auth', token: 'x', id: '4' },
  { type: 'presence', topic: 'open', id: '5' },
  { type: 'subscribe', topic: 'open', presence: true, id: '6' },
];

function message(random: Random, known: object[]): Buffer {
  const like = known[Math.floor(random() * known.length)]!;
  return random() < 0.2 ? damaged(Buffer.from(JSON.stringify(like)), random) : oddBytes(random, like);
}

/** Sends messages on connections of 20 each; those that central closes are followed by new ones. */
async function sendAll(
  open: () => Promise<{ send: (bytes: Buffer) => void; end: () => Promise<void> }>,
  known: object[],
): Promise<void> {
  const random = seededRandom(historySeed);
  for (let count = 0; count < fuzzedMessages; count += MESSAGES_A_CONNECTION) {
    const connection = await open();
    for (let each = 0; each < MESSAGES_A_CONNECTION; each++) {
      connection.send(message(random, known));
      countInput();
    }
    await connection.end();
  }
}

async function webSocket(path: string, first?: object) {
  const token = path === '/ws/agent' ? deviceToken : await realtimeToken('user1', { site_id: '1' });
  const socket = new WebSocket(`${realtime.central.url.replace('http', 'ws')}${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  socket.on('error', () => undefined);
  await once(socket, 'open');
  if (first) socket.send(JSON.stringify(first));
  return {
    send: (bytes: Buffer) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes, { binary: false });
    },
    end: async () => {
      if (socket.readyState === WebSocket.CLOSED) return;
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

async function tcp() {
  const socket = connect(realtime.central.agentPort, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.resume();
  const register = { ...ofAgents[0]!, data: { version: '1', os: 'x', token: deviceToken } };
  socket.write(`${JSON.stringify(register)}\n`);
  return {
    send: (bytes: Buffer) =>
      void (socket.writable && socket.write(Buffer.concat([bytes, Buffer.from('\n')]))),
    end: async () => {
      if (socket.closed) return;
      const closed = once(socket, 'close');
      socket.end();
      await closed;
    },
  };
}

/** Sends bytes, says that no more will come, and reads all that is answered until central closes the connection. */
async function exchange(bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(realtime.central.url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (piece: Buffer) => (answer += piece.toString('latin1')));
  socket.end(bytes);
  // What a server resets is closed, too.
  await new Promise<void>((resolve) =>
    socket.once('close', () => resolve()).once('end', () => socket.destroy()),
  );
  return answer;
}

const login = '{"username":"admin","password":"wrong"}';
const httpRequests = [
  'GET /health/live HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n',
  `POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${login.length}\r\n\r\n${login}`,
  'POST /api/token/refresh HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' +
    '5;x=y\r\n{"ref\r\nd\r\nresh_token":1}\r\n0\r\nX: y\r\n\r\n',
  'POST /api/logout HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n',
  'GET /api/me HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\nCookie: a=b; c=d\r\nX-Forwarded-For: 1.2.3.4, ::1\r\n\r\nGET /health HTTP/1.1\r\nHost: b\r\n\r\n',
  'GET http://a/api/docs-json?x=%41 HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: DELETE\r\nExpect: 100-continue\r\n\r\n',
].map((text) => Buffer.from(text));

/** A handshake, and frames as a client sends them: masked, of several kinds, and in pieces. */
const frames = Buffer.concat([
  Buffer.from(
    'GET /ws/sync HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: rivulet.realtime\r\n\r\n',
  ),
  frame(0x81, '{"type":"auth","token":"x"}'),
  frame(0x01, '{"type":"sub'),
  frame(0x89, 'ping'),
  frame(0x80, 'scribe","topic":"open"}'),
  frame(0x82, '\0\0'),
  frame(0x88, '\u0003bye'),
]);

function frame(head: number, text: string): Buffer {
  const mask = [1, 2, 3, 4];
  const content = Buffer.from(text).map((byte, index) => byte ^ mask[index % 4]!);
  return Buffer.concat([Buffer.from([head, 0x80 | content.length, ...mask]), content]);
}

it.each([
  ['HTTP', httpRequests],
  ['a WebSocket', [frames]],
])('bytes that are nearly %s end a connection, and nothing else', async (_, known) => {
  const random = seededRandom(historySeed);
  const before = process.memoryUsage().rss;
  for (let count = 0; count < fuzzedMessages; count++) {
    let bytes: Buffer = known[Math.floor(random() * known.length)]!;
    for (let changes = Math.floor(random() * 4); changes > 0; changes--) bytes = damaged(bytes, random);
    const answer = await exchange(bytes);
    countInput();
    if (/HTTP\/1.1 50[0-2] |"code":"INTERNAL"/.test(answer))
      throw new Error(`${answer}\n${JSON.stringify(bytes.toString('latin1'))}`);
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
  expect(await exchange(httpRequests[0]!)).toContain('HTTP/1.1 200 OK');
});

it.each([
  ['/ws/sync', () => webSocket('/ws/sync'), ofClients],
  ['/ws/agent', () => webSocket('/ws/agent', ofAgents[0]), ofAgents],
  ['agents over TCP', tcp, ofAgents],
] as const)('messages of %s that are nearly right are refused for a reason', async (_, open, known) => {
  const before = process.memoryUsage().rss;
  await sendAll(open, [...known]);
  const metrics = await realtime.central.text('/metrics');
  expect(metrics).toMatch(/refusals_total\{.*code="(REALTIME|AGENT)_MESSAGE_INVALID".*\} [1-9]/);
  expect(metrics).not.toMatch(/refusals_total\{.*code="INTERNAL"/);
  expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
  const [status] = await realtime.central.call('GET', '/health/ready');
  expect(status).toBe(200);
});
