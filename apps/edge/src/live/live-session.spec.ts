import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { encodeAgentMessage, parseAgentMessage, type AgentMessage } from '@rivulet/agent-protocol';
import { WebSocketServer, type WebSocket } from 'ws';
import { LiveSession } from './live-session';

let server: WebSocketServer;
const over = new AbortController();

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
});
afterAll(() => {
  over.abort();
  server.close();
});

type Answer = (message: AgentMessage, socket: WebSocket) => void;

/** A session with a central that answers so. */
function run(answer: Answer, headers: () => Promise<Record<string, string>>): Promise<void> {
  server.removeAllListeners('connection').on('connection', (socket) => {
    socket.on('message', (text) => answer(parseAgentMessage((text as Buffer).toString(), 'agent'), socket));
  });
  const settings = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    agentName: 'edge-1',
    version: '1.0.0',
    headers,
    figures: async () => ({}),
    onRegistered: () => undefined,
    onNudge: () => undefined,
  };
  return LiveSession.run(settings, over.signal);
}

function acknowledge({ type: of, id }: AgentMessage, socket: WebSocket, heartbeatSeconds: number): void {
  const data = { of, ...(id !== undefined && { id }), heartbeat_seconds: heartbeatSeconds };
  const envelope = { agent_name: 'edge-1', status: 'online', timestamp: new Date().toISOString() };
  socket.send(encodeAgentMessage({ type: 'ACK', ...envelope, data }));
}

it('registers again with a new token before the old one ends, on the same connection', async () => {
  const registered: unknown[] = [];
  let token = 'first';
  const session = run(
    (message, socket) => {
      acknowledge(message, socket, 0.5);
      if (message.type === 'REGISTER') registered.push(message.data.token);
      token = 'second';
      if (registered.length === 2) socket.close(1001);
    },
    async () => ({ authorization: `Bearer ${token}` }),
  );
  await expect(session).rejects.toThrow('1001');
  expect(registered).toEqual([undefined, 'second']);
});

it('gives up a central that is there, and answers three heartbeats no more', async () => {
  const session = run(
    (message, socket) => {
      if (message.type === 'REGISTER') acknowledge(message, socket, 0.02);
    },
    async () => ({}),
  );
  await expect(session).rejects.toThrow('has not answered three heartbeats');
});
