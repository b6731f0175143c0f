import { setTimeout as delay } from 'node:timers/promises';
import { CentralInProcess } from '../support/apps/central-in-process';
import { registerAgent } from '../support/clients/config-agent';
import { TestAgent, type AgentAnswer } from '../support/clients/test-agent';

let central: CentralInProcess;
let other: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start();
  other = await CentralInProcess.join(central);
});
afterAll(async () => {
  await other.stop();
  await central.stop();
});

async function publish(data: object): Promise<number> {
  const [, { version }] = await central.call<{ version: number }>(
    'POST',
    '/api/configurations/default/versions',
    { data },
  );
  return version;
}

interface Reported {
  deviceId: string;
  status: string;
  reportedVersion: number;
  inForceVersion: number | null;
  reason: string | null;
}

async function untilReported(deviceId: string, status: string): Promise<Reported> {
  for (;;) {
    const [, devices] = await central.call<Reported[]>(
      'GET',
      `/api/configurations/default/devices?status=${status}`,
    );
    const found = devices.find((device) => device.deviceId === deviceId);
    if (found !== undefined) return found;
    await delay(10);
  }
}

async function connect(at: CentralInProcess, token: string): Promise<TestAgent> {
  const agent = await TestAgent.overTcp(at.agentPort);
  expect(await agent.register(token)).toMatchObject({ type: 'ACK' });
  return agent;
}

/** The version of what an agent is given next. */
async function given(agent: TestAgent): Promise<AgentAnswer> {
  const message = await agent.next();
  expect(message).toMatchObject({ type: 'CONFIG', data: { name: 'default', poll_interval_seconds: 30 } });
  return message;
}

it('an agent gets its configuration when it connects and when it changes, whichever central is asked, and its answer is a report', async () => {
  await publish({ n: 1 });
  const { id, token } = await registerAgent(central);
  const agent = await connect(other, token);
  const first = await given(agent);
  expect(first.data).toMatchObject({
    version: 1,
    data: { n: 1 },
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  agent.send({ type: 'ACK', data: { of: 'CONFIG', id: first.id } });
  expect(await untilReported(id, 'APPLIED')).toMatchObject({ reportedVersion: 1, inForceVersion: 1 });

  await publish({ n: 2 });
  const second = await given(agent);
  expect(second.data).toMatchObject({ version: 2, data: { n: 2 } });
  const failure = { code: 'CONFIGURATION_INVALID', message: 'n must be odd' };
  agent.send({ type: 'ERROR', data: { of: 'CONFIG', id: second.id, ...failure } });
  expect(await untilReported(id, 'FAILED')).toMatchObject({
    reportedVersion: 2,
    inForceVersion: 1,
    reason: 'CONFIGURATION_INVALID: n must be odd',
  });

  // An answer to something older changes nothing, and one to nothing neither.
  agent.send({ type: 'ACK', data: { of: 'CONFIG', id: first.id } });
  agent.send({ type: 'ACK', data: { of: 'CONFIG', id: 'config.999999' } });
  agent.send({ type: 'ACK', data: { of: 'CONFIG', id: 'else' } });
  agent.send({ type: 'HEARTBEAT', id: 'after' });
  expect(await agent.next()).toMatchObject({ type: 'ACK', data: { id: 'after' } });
  expect(await untilReported(id, 'FAILED')).toMatchObject({ reportedVersion: 2 });

  const third = await publish({ n: 3 });
  const message = await given(agent);
  expect(message.data.version).toBe(third);
  agent.send({ type: 'ACK', data: { of: 'CONFIG', id: message.id } });
  await untilReported(id, 'APPLIED');
  agent.destroy();
  const again = await connect(central, token);
  again.send({ type: 'HEARTBEAT', id: 'first' });
  expect(await again.next()).toMatchObject({ type: 'ACK', data: { id: 'first' } });
  again.destroy();
});
