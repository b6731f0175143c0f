import { LINE_CAUSE } from '@rivulet/platform';
import { AgentSessions } from '../../apps/central/src/live/sessions/agent-sessions';
import { CentralInProcess } from '../support/apps/central-in-process';
import { asAdmin } from '../support/clients/operator';
import { TestAgent } from '../support/clients/test-agent';

interface Registered {
  agent_id: string;
  token: string;
}

let central: CentralInProcess;
const agents: TestAgent[] = [];

beforeAll(async () => {
  central = await CentralInProcess.start({
    CENTRAL_HEARTBEAT_INTERVAL: '1s',
    CENTRAL_MAX_AGENTS_PER_ADDRESS: '6',
  });
});
afterAll(() => central.stop());
afterEach(async () => {
  for (const agent of agents) agent.destroy();
  await Promise.all(agents.splice(0).map((agent) => agent.closed()));
});

async function registerAgent(): Promise<Registered> {
  const [, { token }] = await central.call<{ token: string }>('GET', '/agent/admin', undefined, asAdmin);
  const authorization = { authorization: `Bearer ${token}` };
  return (await central.call<Registered>('POST', '/agent/register', undefined, authorization))[1];
}

async function tcp(name?: string): Promise<TestAgent> {
  const agent = await TestAgent.overTcp(central.agentPort, name);
  agents.push(agent);
  return agent;
}

async function webSocket(token: string): Promise<TestAgent> {
  const agent = await TestAgent.overWebSocket(central.url, { authorization: `Bearer ${token}` });
  agents.push(agent);
  return agent;
}

async function connected({ token }: Registered, transport: 'tcp' | 'websocket'): Promise<TestAgent> {
  const agent = transport === 'tcp' ? await tcp() : await webSocket(token);
  expect((await agent.register(transport === 'tcp' ? token : undefined)).type).toBe('ACK');
  return agent;
}

async function metric(line: string): Promise<number> {
  const text = await (await fetch(`${central.url}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return Number(found?.split(' ').at(-1));
}

describe.each(['tcp', 'websocket'] as const)('an agent over %s', (transport) => {
  it('registers, and is told how often to send a heartbeat', async () => {
    const { token } = await registerAgent();
    const agent = transport === 'tcp' ? await tcp() : await webSocket(token);
    const answer = await agent.register(transport === 'tcp' ? token : undefined);
    expect(answer).toMatchObject({
      type: 'ACK',
      agent_name: agent.name,
      data: { of: 'REGISTER', heartbeat_seconds: 1 },
    });
    expect(await metric(`rivulet_central_agent_sessions{transport="${transport}"}`)).toBe(1);
  });

  it('has its heartbeat acknowledged if it has an id', async () => {
    const registered = await registerAgent();
    const agent = await connected(registered, transport);
    agent.send({ type: 'HEARTBEAT', data: { cpu_usage: 45.2 } });
    agent.send({ type: 'HEARTBEAT', id: 'beat-2', data: { cpu_usage: 46.5, memory_usage: 62.8 } });
    expect(await agent.next()).toMatchObject({ type: 'ACK', data: { of: 'HEARTBEAT', id: 'beat-2' } });
  });

  it('has its data refused clearly while nothing takes it, and stays connected', async () => {
    const agent = await connected(await registerAgent(), transport);
    agent.send({ type: 'DATA', id: 'd1', data: { rows: [] } });
    expect(await agent.next()).toMatchObject({
      type: 'ERROR',
      data: { code: 'AGENT_DATA_REFUSED', of: 'DATA', id: 'd1' },
    });
    agent.send({ type: 'HEARTBEAT', id: 'still', data: {} });
    expect(await agent.next()).toMatchObject({ type: 'ACK', data: { id: 'still' } });
  });

  it('is answered what is wrong with a message, and goes on', async () => {
    const agent = await connected(await registerAgent(), transport);
    agent.sendLine('no JSON');
    expect(await agent.next()).toMatchObject({ type: 'ERROR', data: { code: 'AGENT_MESSAGE_INVALID' } });
    agent.send({ type: 'HEARTBEAT', agent_name: 'somebody-else', data: {} });
    expect(await agent.next()).toMatchObject({ type: 'ERROR', data: { code: 'AGENT_MESSAGE_INVALID' } });
    agent.send({ type: 'HEARTBEAT', id: 'good', data: {} });
    expect(await agent.next()).toMatchObject({ type: 'ACK', data: { id: 'good' } });
  });

  it('that connects again takes the place of its older connection', async () => {
    const registered = await registerAgent();
    const older = await connected(registered, transport);
    const newer = await connected(registered, transport);
    expect(await older.next()).toMatchObject({ type: 'ERROR', data: { code: 'AGENT_REPLACED' } });
    await older.closed();
    newer.send({ type: 'HEARTBEAT', id: 'x', data: {} });
    expect((await newer.next()).type).toBe('ACK');
  });

  it('whose device is revoked is dropped', async () => {
    const registered = await registerAgent();
    const agent = await connected(registered, transport);
    await central.call('POST', `/api/devices/${registered.agent_id}/revoke`, undefined, asAdmin);
    agent.send({ type: 'HEARTBEAT', data: {} });
    expect(await agent.next()).toMatchObject({ type: 'ERROR', data: { code: 'DEVICE_REVOKED' } });
    await agent.closed();
  });
});

it('drops agents that have been silent for three heartbeats, over both transports', async () => {
  const [overTcp, overWebSocket] = [
    await connected(await registerAgent(), 'tcp'),
    await connected(await registerAgent(), 'websocket'),
  ];
  await Promise.all([overTcp.closed(), overWebSocket.closed()]);
  for (const transport of ['tcp', 'websocket'])
    expect(
      await metric(`rivulet_central_agent_sessions_ended_total{transport="${transport}",reason="silent"}`),
    ).toBe(1);
});

describe('over TCP', () => {
  it.each([
    ['another message first', { type: 'HEARTBEAT', data: {} }, 'AGENT_UNREGISTERED'],
    ['no token', { type: 'REGISTER', data: {} }, 'DEVICE_UNIDENTIFIED'],
    ['a wrong token', { type: 'REGISTER', data: { token: 'rvt_x' } }, 'ACCESS_TOKEN_INVALID'],
    ['another version', { type: 'REGISTER', data: { protocol: 9 } }, 'AGENT_PROTOCOL_UNSUPPORTED'],
  ])('refuses %s, says why, and hangs up', async (_, message, code) => {
    const agent = await tcp();
    agent.send(message);
    expect(await agent.next()).toMatchObject({
      type: 'ERROR',
      data: { code, next_step: expect.any(String) as string },
    });
    await agent.closed();
  });

  it('has any number of different wrong messages counted as one line in the log', async () => {
    const log = jest.spyOn(central.get(AgentSessions)['logger'], 'log');
    const agent = await connected(await registerAgent(), 'tcp');
    for (const field of ['first', 'second']) {
      agent.send({ type: 'HEARTBEAT', [field]: 1 });
      expect((await agent.next()).type).toBe('ERROR');
    }
    const causes = log.mock.calls.map(
      ([fields]) => (fields as { [LINE_CAUSE]: { origin: string } })[LINE_CAUSE],
    );
    expect(causes).toHaveLength(2);
    expect(causes[0]).toEqual(causes[1]);
    expect(causes[0]!.origin).toMatch(/\w/);
    log.mockRestore();
  });

  it('hangs up on a line that is too long', async () => {
    const agent = await connected(await registerAgent(), 'tcp');
    agent.sendLine('x'.repeat(300_000));
    expect(await agent.next()).toMatchObject({ data: { code: 'AGENT_MESSAGE_INVALID' } });
    await agent.closed();
  });

  it('takes no more connections from one address than allowed', async () => {
    for (let count = 0; count < 6; count++) await tcp();
    expect(await (await tcp()).next()).toMatchObject({
      type: 'ERROR',
      data: { code: 'SERVER_BUSY', retry_after_seconds: 30 },
    });
  });
});

it('takes no more connections in all than allowed, over either transport', async () => {
  const { token } = await registerAgent();
  await tcp();
  const env = jest.replaceProperty(central.get(AgentSessions)['env'], 'maxAgents', 1);
  const refused = 'rivulet_central_agent_refusals_total{code="SERVER_BUSY"}';
  const before = (await metric(refused)) || 0;
  expect(await (await tcp()).next()).toMatchObject({
    data: { code: 'SERVER_BUSY', message: expect.stringContaining('CENTRAL_MAX_AGENTS)') as string },
  });
  await expect(webSocket(token)).rejects.toThrow('503');
  expect(await metric(refused)).toBe(before + 2);
  env.restore();
});

describe('over a WebSocket', () => {
  it.each([
    ['no credentials', {}],
    ['a wrong token', { authorization: 'Bearer rvt_x' }],
  ])('refuses the handshake with %s', async (_, headers) => {
    await expect(TestAgent.overWebSocket(central.url, headers)).rejects.toThrow('401');
  });

  it('refuses a new token that is that of another device', async () => {
    const [mine, other] = [await registerAgent(), await registerAgent()];
    const agent = await connected(mine, 'websocket');
    expect(await agent.register(mine.token)).toMatchObject({ type: 'ACK' });
    expect(await agent.register(other.token)).toMatchObject({ data: { code: 'ACCESS_TOKEN_INVALID' } });
    await agent.closed();
  });
});

it('says goodbye to all when it shuts down', async () => {
  const own = await CentralInProcess.start();
  const [, { token }] = await own.call<{ token: string }>('GET', '/agent/admin', undefined, asAdmin);
  const bearer = { authorization: `Bearer ${token}` };
  const [, registered] = await own.call<Registered>('POST', '/agent/register', undefined, bearer);
  const [overTcp, overWebSocket] = [
    await TestAgent.overTcp(own.agentPort),
    await TestAgent.overWebSocket(own.url, { authorization: `Bearer ${registered.token}` }),
  ];
  await overWebSocket.register();
  await own.stop();
  for (const agent of [overTcp, overWebSocket]) {
    expect(await agent.next()).toMatchObject({ type: 'ERROR', data: { code: 'SHUTTING_DOWN' } });
    await agent.closed();
  }
});
