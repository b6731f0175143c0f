import { connect } from 'node:net';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { fuzzedMessages } from '../support/fuzz-length';
import { historySeed } from '../support/history-length';
import { makeMessageCallers } from '../support/message-callers';
import { damaged, oddBytes, seededRandom, type Random } from '../support/odd-inputs';
import { RealtimeCentral } from '../support/realtime-central';
import { realtimeToken } from '../support/realtime-tokens';

jest.setTimeout(60_000 + fuzzedMessages * 50);

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
    for (let each = 0; each < MESSAGES_A_CONNECTION; each++) connection.send(message(random, known));
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
