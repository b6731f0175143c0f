import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RealtimeCentral } from '../support/apps/realtime-central';
import {
  makeMessageCallers,
  type MessageCaller,
  type MessageCallers,
} from '../support/clients/message-callers';
import { SyncSocket, type Received } from '../support/clients/sync-socket';
import { TestAgent } from '../support/clients/test-agent';

/**
 * Every message with every kind of caller: what matrix.txt is for routes, messages.txt is for `/ws/sync`, `/ws/agent` and
 * agents over TCP. `WRITE_MATRIX=1` writes it anew.
 */
const FILE = resolve(__dirname, 'messages.txt');
const SOURCES = {
  sync: resolve(__dirname, '../../apps/central/src/realtime/protocol/client-message.ts'),
  agent: resolve(__dirname, '../../libs/agent-protocol/src/agent-message.ts'),
};

const rules = `
version: 1
topics:
  - { topic: open, subscribe: any, publish: any, history: { size: 100, age: 1h } }
  - { topic: 'sites.{site_id}.>', subscribe: any, publish: any, presence: any }
  - { topic: staff, subscribe: { kind: operator }, publish: { role: admin }, presence: { role: [operator, admin] } }
  - { topic: readers, subscribe: any }
`;

/** Each message that a client may send, and some that only the server sends. */
const syncMessages: [name: string, message: Record<string, unknown>][] = [
  ['subscribe open', { type: 'subscribe', topic: 'open' }],
  ['subscribe sites.1.x', { type: 'subscribe', topic: 'sites.1.x' }],
  ['subscribe sites.>', { type: 'subscribe', topic: 'sites.>' }],
  ['subscribe >', { type: 'subscribe', topic: '>' }],
  ['subscribe staff', { type: 'subscribe', topic: 'staff' }],
  ['subscribe _user.user1', { type: 'subscribe', topic: '_user.user1' }],
  ['subscribe _user', { type: 'subscribe', topic: '_user' }],
  ['subscribe nowhere', { type: 'subscribe', topic: 'nowhere' }],
  ['unsubscribe open', { type: 'unsubscribe', topic: 'open' }],
  ['sync to open', { type: 'sync', topic: 'open', data: 1 }],
  ['sync to sites.1.x', { type: 'sync', topic: 'sites.1.x', data: 1 }],
  ['sync to staff', { type: 'sync', topic: 'staff', data: 1 }],
  ['sync to readers', { type: 'sync', topic: 'readers', data: 1 }],
  ['sync to _user', { type: 'sync', topic: '_user', data: 1 }],
  ['sync to _user.user1', { type: 'sync', topic: '_user.user1', data: 1 }],
  ['sync to _all', { type: 'sync', topic: '_all', data: 1 }],
  ['presence of open', { type: 'presence', topic: 'open' }],
  ['presence of staff', { type: 'presence', topic: 'staff' }],
  ['presence of readers', { type: 'presence', topic: 'readers' }],
  ['presence of sites.1.x', { type: 'presence', topic: 'sites.1.x' }],
  ['presence of sites.>', { type: 'presence', topic: 'sites.>' }],
  ['presence of _user.user1', { type: 'presence', topic: '_user.user1' }],
  ['subscribe staff with presence', { type: 'subscribe', topic: 'staff', presence: true }],
  ['subscribe readers with presence', { type: 'subscribe', topic: 'readers', presence: true }],
  ['data', { type: 'data', topic: 'open', data: 1 }],
  ['connect', { type: 'connect' }],
  ['disconnect', { type: 'disconnect' }],
];

const agentMessages: [name: string, message: { type: string } & Record<string, unknown>][] = [
  ['HEARTBEAT', { type: 'HEARTBEAT', id: 'h', data: { cpu_usage: 1 } }],
  ['DATA', { type: 'DATA', id: 'd', data: { run_id: '01KAJ9V9RW4C7ZK3DYE7V1NB2R', rows: [] } }],
  ['ACK', { type: 'ACK', data: { of: 'JOB', id: 'none' } }],
  ['ERROR', { type: 'ERROR', data: { code: 'X', message: 'x' } }],
  ['CONFIG', { type: 'CONFIG', id: 'c', data: {} }],
  ['JOB', { type: 'JOB', id: 'j', data: {} }],
  ['NUDGE', { type: 'NUDGE', data: {} }],
];

let realtime: RealtimeCentral;
let made: MessageCallers;
const answered = new Map<string, string>();

beforeAll(async () => {
  realtime = await RealtimeCentral.start(rules, { CENTRAL_REALTIME_MESSAGES_PER_SECOND: '1000' });
  made = await makeMessageCallers(realtime.central);
});
afterAll(async () => {
  await realtime.stop();
  if (process.env['WRITE_MATRIX'] !== '1') return;
  const titles = [...answered.keys()].toSorted();
  writeFileSync(FILE, `${titles.map((title) => answered.get(title)).join('\n\n')}\n`);
});

/** By what was answered, who was. */
class Block {
  private readonly cells = new Map<string, string[]>();

  note(what: string, who: string): void {
    this.cells.set(what, [...(this.cells.get(what) ?? []), who]);
  }

  write(title: string): void {
    const lines = [...this.cells].map(([what, who]) => `  ${what}: ${who.join(', ')}`);
    answered.set(title, [title, ...lines.toSorted()].join('\n'));
  }
}

function compare(part: string): void {
  const of = (blocks: Iterable<string>): string[] =>
    [...blocks].filter((block) => block.startsWith(part)).toSorted();
  const isWriting = process.env['WRITE_MATRIX'] === '1';
  const written = isWriting
    ? answered.values()
    : readFileSync(FILE, 'utf8')
        .trimEnd()
        .split(/\n\n(?=\S)/);
  expect(of(answered.values())).toEqual(of(written));
}

/** Connects, shows the token in a message, and sends all of them: answers come in order, by their IDs. */
async function answersOfSync({ token }: MessageCaller): Promise<Map<string, string>> {
  const socket = await SyncSocket.open(realtime.central, '/ws/sync?recover=1');
  if (token !== undefined) socket.send({ type: 'auth', id: 'auth', token });
  for (const [id, message] of syncMessages) socket.send({ ...message, id });
  await socket.end();
  const told = new Map(
    socket.received
      .filter(({ id }) => id !== undefined)
      .map((answer) => [String(answer['id']), describeTold(answer)]),
  );
  // Whose type nobody knows is answered without its ID, and in its place.
  const nameless = socket.received.filter(({ type, id }) => type === 'error' && id === undefined);
  for (const [name] of syncMessages) {
    if (!told.has(name) && name !== 'disconnect')
      told.set(name, describeTold(nameless.shift() ?? { type: 'nothing' }));
  }
  told.set('disconnect', `closed ${socket.ended!.code}`);
  return told;
}

function describeTold({ type, code, topic }: Received): string {
  return type === 'error'
    ? `error ${String(code)}`
    : `${type} ${typeof topic === 'string' ? topic : ''}`.trim();
}

describe('each message of /ws/sync', () => {
  it('is answered to each kind of caller as is written down', async () => {
    const blocks = new Map(
      ['auth', ...syncMessages.map(([name]) => name)].map((name) => [name, new Block()]),
    );
    for (const caller of made.callers) {
      const told = await answersOfSync(caller);
      for (const [name, block] of blocks) block.note(told.get(name) ?? 'nothing', caller.name);
    }
    for (const [name, block] of blocks) block.write(`/ws/sync ${name}`);
    compare('/ws/sync ');
    expect(made.callers.length).toBeGreaterThan(18);
  });

  it('of the protocol is in the matrix', () => {
    const source = readFileSync(SOURCES.sync, 'utf8');
    const known = [...source.matchAll(/case '(\w+)':/g)].map(([, type]) => type!);
    const covered = new Set(['auth', ...syncMessages.map(([, { type }]) => String(type))]);
    expect(known.filter((type) => !covered.has(type))).toEqual([]);
    expect(known.length).toBeGreaterThan(4);
  });

  it('gives nobody what was sent to another user', async () => {
    const { central } = realtime;
    const readers: { name: string; socket: SyncSocket; own: string | null }[] = [];
    for (const { name, token } of made.callers) {
      const socket = await SyncSocket.open(central, '/ws/sync');
      if (token !== undefined) socket.send({ type: 'auth', token });
      const wanted = ['_user.user1', 'user1', '_user.>', '>', '*', '_user', `_user.${made.deviceUser}`];
      for (const topic of wanted) {
        socket.send({ type: 'subscribe', topic, id: topic });
        socket.send({ type: 'subscribe', topic, id: `${topic} again`, epoch: 'x', position: 0 });
      }
      socket.send({ type: 'unsubscribe', topic: 'nowhere', id: 'last' });
      await socket.until(() => socket.received.some(({ id }) => id === 'last'));
      const auth = socket.of('auth')[0]?.['data'] as { user_id: string } | undefined;
      readers.push({ name, socket, own: auth?.user_id ?? null });
    }
    for (const userId of ['user1', 'user2', made.deviceUser])
      expect((await realtime.publish({ user_id: userId, data: { secret: userId } }))[0]).toBe(200);
    expect((await realtime.publish({ topic: 'open', data: 'end' }))[0]).toBe(200);
    await realtime.central.call('POST', '/api/sync/broadcast', { data: 'end' });
    const read: [string, string][] = [];
    for (const { name, socket, own } of readers) {
      if (own !== null) await socket.until(() => socket.of('data').some(({ data }) => data === 'end'));
      for (const { data } of socket.of('data')) {
        const { secret } = (data ?? {}) as { secret?: string };
        if (secret !== undefined) read.push([name, secret]);
      }
      socket.socket.terminate();
    }
    expect(read).toEqual([
      ['device', made.deviceUser],
      ['user1', 'user1'],
      ['user2', 'user2'],
    ]);
  });
});

describe('each message of agents', () => {
  it.each(['tcp', 'websocket'] as const)(
    'over %s is answered to each kind of caller as is written down',
    async (transport) => {
      const blocks = new Map(
        ['REGISTER', ...agentMessages.map(([name]) => name)].map((name) => [name, new Block()]),
      );
      for (const { name, token } of made.callers) {
        for (const [title, block] of blocks) {
          const message = agentMessages.find(([known]) => known === title)?.[1];
          block.note(await answerOfAgent(transport, token, message), name);
        }
      }
      for (const [title, block] of blocks) block.write(`agent over ${transport} ${title}`);
      compare(`agent over ${transport} `);
      expect(blocks.size).toBeGreaterThan(7);
    },
  );

  it('of the protocol is in the matrix', () => {
    const source = readFileSync(SOURCES.agent, 'utf8');
    const known = [...source.matchAll(/^ {2}([A-Z]+): \{ from:/gm)].map(([, type]) => type!);
    const covered = new Set(['REGISTER', ...agentMessages.map(([name]) => name)]);
    expect(known.filter((type) => !covered.has(type))).toEqual([]);
    expect(known.length).toBeGreaterThan(6);
  });
});

/** To REGISTER with the token, or to a message after it. */
async function answerOfAgent(
  transport: 'tcp' | 'websocket',
  token: string | undefined,
  message: (typeof agentMessages)[number][1] | undefined,
): Promise<string> {
  const { central } = realtime;
  let agent: TestAgent;
  if (transport === 'tcp') agent = await TestAgent.overTcp(central.agentPort, 'caller');
  else {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    try {
      agent = await TestAgent.overWebSocket(central.url, headers, 'caller');
    } catch (error) {
      return (error as Error).message;
    }
  }
  try {
    const registered = await agent.register(transport === 'tcp' ? token : undefined);
    if (message === undefined || registered.type === 'ERROR') return describeAnswer(registered);
    agent.send(message);
    // What is not answered is followed by what is.
    agent.send({ type: 'HEARTBEAT', id: 'after', data: {} });
    const answer = await agent.next();
    return answer.data['id'] === 'after' ? 'no answer' : describeAnswer(answer);
  } finally {
    agent.destroy();
  }
}

function describeAnswer({ type, data }: { type: string; data: Record<string, unknown> }): string {
  return type === 'ERROR' ? `ERROR ${String(data['code'])}` : type;
}
