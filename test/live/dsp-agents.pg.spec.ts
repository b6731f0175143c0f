import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { AgentSessions } from '../../apps/central/src/live/sessions/agent-sessions';
import { CentralInProcess } from '../support/apps/central-in-process';
import { CollectionOperator } from '../support/clients/collection-operator';
import { asAdmin, bearer } from '../support/clients/operator';
import { TestAgent } from '../support/clients/test-agent';

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
    const messages = messagesOfDocument();
    expect(messages.map(({ type }) => type)).toEqual(['REGISTER', 'HEARTBEAT']);
    const [register, heartbeat] = messages;
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

function samplePath(file: string): string {
  return join(__dirname, '../../examples/agents', file);
}

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
    const path = samplePath(file);
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

it('the sample agent in Node sends the rows of a job from its SQLite file', async () => {
  const { token, agent_id: networkId } = await registerAgent();
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-agent-'));
  const file = join(directory, 'users.sqlite');
  const users = new DatabaseSync(file);
  users.exec(`CREATE TABLE users (id bigint PRIMARY KEY, email text, updated_at timestamptz);
    WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 1200)
    INSERT INTO users SELECT id, id || '@site', '2026-01-01T10:00:00Z' FROM n`);
  users.close();
  const child = spawn(process.execPath, [samplePath('agent.mjs'), '127.0.0.1', String(central.agentPort)], {
    env: { PATH: process.env['PATH'], RIVULET_AGENT_TOKEN: token, RIVULET_AGENT_DATABASE: file },
    stdio: 'ignore',
  });
  try {
    const operator = new CollectionOperator(central);
    const sql_command = 'SELECT * FROM users WHERE updated_at > ?';
    const job = await operator.define({ name: 'users', sql_command, target_table: 'site_users' }, [
      { networkId },
    ]);
    const { id } = await operator.post<{ id: string }>(`/api/jobs/${job}/run`);
    while ((await operator.outcome(id)).state === 'running') await delay(100);
    expect(await operator.outcome(id)).toMatchObject({ state: 'succeeded', rows: 1_200 });
    const { rows } = await central.database.pool.query(
      'SELECT count(*)::int AS n, max(email) AS email, max(updated_at)::text AS at FROM collected.site_users WHERE id > 0',
    );
    expect(rows).toEqual([{ n: 1_200, email: '9@site', at: '2026-01-01 10:00:00+00' }]);
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    rmSync(directory, { recursive: true });
  }
});
