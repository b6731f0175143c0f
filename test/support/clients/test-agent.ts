import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

export interface AgentAnswer {
  type: string;
  agent_name: string;
  id?: string;
  data: Record<string, unknown>;
}

/** What an agent may send: the fields of the envelope are filled. */
export type Sent = { type: string; id?: string; data?: object } & Record<string, unknown>;

/** An agent of a test, over whichever transport, that keeps what it is told. */
export class TestAgent {
  readonly received: AgentAnswer[] = [];
  isClosed = false;

  private constructor(
    readonly name: string,
    private readonly write: (line: string) => void,
    readonly destroy: () => void,
  ) {}

  static async overTcp(port: number, name = 'tenant-1'): Promise<TestAgent> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const agent = new TestAgent(
      name,
      (line) => void socket.write(`${line}\n`),
      () => socket.destroy(),
    );
    agent.readLines(socket);
    return agent;
  }

  /** @throws Error with the HTTP status if the handshake is refused */
  static async overWebSocket(
    url: string,
    headers: Record<string, string>,
    name = 'edge-1',
  ): Promise<TestAgent> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/agent`, {
      headers,
      perMessageDeflate: false,
    });
    const agent = new TestAgent(
      name,
      (line) => socket.send(line),
      () => socket.terminate(),
    );
    socket.on('message', (data) =>
      agent.received.push(JSON.parse((data as Buffer).toString()) as AgentAnswer),
    );
    socket.on('close', () => (agent.isClosed = true));
    await once(socket, 'open');
    return agent;
  }

  send({ type, ...more }: Sent): void {
    const timestamp = new Date().toISOString();
    this.write(JSON.stringify({ type, agent_name: this.name, status: 'online', timestamp, ...more }));
  }

  sendLine(line: string): void {
    this.write(line);
  }

  /** The next message that was not taken yet; what never comes fails by the time limit of the test. */
  async next(): Promise<AgentAnswer> {
    while (this.received.length === 0) {
      if (this.isClosed) throw new Error('The connection is closed.');
      await delay(5);
    }
    return this.received.shift()!;
  }

  /** The next one that is no hint to sync, which may come at any time. */
  async nextButNudges(): Promise<AgentAnswer> {
    const answer = await this.next();
    return answer.type === 'NUDGE' ? this.nextButNudges() : answer;
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await delay(5);
  }

  async register(token?: string): Promise<AgentAnswer> {
    this.send({ type: 'REGISTER', data: { version: '1.0.0', os: 'linux', ...(token && { token }) } });
    return this.next();
  }

  private readLines(socket: Socket): void {
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      this.received.push(...lines.map((line) => JSON.parse(line) as AgentAnswer));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => (this.isClosed = true));
  }
}
