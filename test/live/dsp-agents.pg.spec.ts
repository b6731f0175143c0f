import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentSessions } from '../../apps/central/src/live/sessions/agent-sessions';
import { CentralInProcess } from '../support/central-in-process';
import { asAdmin, bearer } from '../support/operator';
import { TestAgent } from '../support/test-agent';

interface Registered {
  agent_id: string;
  token: string;
}

interface DocumentMessage {
  type: string;
  agent_name: string;
  status: string;
  timestamp: string;
  data: Record<string, unknown>;
}

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_HEARTBEAT_INTERVAL: '1s' });
});
afterAll(() => central.stop());

async function registerAgent(): Promise<Registered> {
  const [, { token }] = await central.call<{ token: string }>('GET', '/agent/admin', undefined, asAdmin);
  return (await central.call<Registered>('POST', '/agent/register', undefined, bearer(token)))[1];
}

/** The messages of the section "Agent Protocol", as printed. */
function messagesOfDocument(): DocumentMessage[] {
  const document = readFileSync(join(__dirname, '../documents/dsp-platform.md'), 'utf8');
  const section = document.split('## Agent Protocol')[1]!.split('\n## ')[0]!;
  return [...section.matchAll(/```json\n([\s\S]*?)```/g)].map(
    (match) => JSON.parse(match[1]!) as DocumentMessage,
  );
}

describe('the messages of the DSP platform', () => {
  it('are taken as printed, with the token of the agent added', async () => {
    const { token, agent_id: deviceId } = await registerAgent();
    const [register, heartbeat] = messagesOfDocument();
    expect([register!.type, heartbeat!.type]).toEqual(['REGISTER', 'HEARTBEAT']);
    const agent = await TestAgent.overTcp(central.agentPort);
    agent.sendLine(JSON.stringify({ ...register, data: { ...register!.data, token } }));
    expect(await agent.next()).toMatchObject({
      type: 'ACK',
      agent_name: register!.agent_name,
      data: { of: 'REGISTER', heartbeat_seconds: 1 },
    });
    agent.sendLine(JSON.stringify(heartbeat));
    agent.sendLine(JSON.stringify({ ...heartbeat, id: 'last' }));
    expect(await agent.next()).toMatchObject({ type: 'ACK', data: { of: 'HEARTBEAT', id: 'last' } });
    expect(central.get(AgentSessions).devices.has(deviceId)).toBe(true);
    agent.destroy();
    await agent.closed();
  });
});

const samples: [name: string, program: string, file: string][] = [
  ['Node', process.execPath, 'agent.mjs'],
  ['Python', 'python3', 'agent.py'],
];

function isThere(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`Skipped: ${program} is not installed.\n`);
    return false;
  }
}

describe.each(samples.filter(([, program]) => isThere(program)))(
  'the sample agent in %s',
  (_, program, file) => {
    const path = join(__dirname, '../../examples/agents', file);
    let child: ChildProcess | undefined;
    let output = '';

    afterEach(async () => {
      if (child?.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    });

    /** Fails when the agent ends, which it never does by itself. */
    async function until(isTrue: () => boolean): Promise<void> {
      while (!isTrue()) {
        if (child?.exitCode !== null || child.signalCode !== null) throw new Error(`It has ended: ${output}`);
        await delay(20);
      }
    }

    it('has at most 100 lines', () => {
      expect(readFileSync(path, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(100);
    });

    it('registers, sends heartbeats, and connects again after its connection has ended', async () => {
      const { token, agent_id: deviceId } = await registerAgent();
      output = '';
      child = spawn(program, [path, '127.0.0.1', String(central.agentPort), 'tenant-1'], {
        env: { PATH: process.env['PATH'], RIVULET_AGENT_TOKEN: token },
      });
      child.stdout!.on('data', (piece: Buffer) => (output += piece.toString()));
      child.stderr!.on('data', (piece: Buffer) => (output += piece.toString()));
      await until(() => output.includes('acknowledged HEARTBEAT'));
      const sessions = central.get(AgentSessions);
      sessions.devices.get(deviceId)!.end('slow');
      await until(() => output.split('registered, a heartbeat every 1 s').length === 3);
      await until(() => sessions.devices.has(deviceId));
      expect(output).not.toContain('error');
    });
  },
);
