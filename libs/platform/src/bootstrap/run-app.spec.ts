import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get as httpGet } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

interface Message {
  type: string;
  app: string;
  url: string;
  databaseUrl: string;
  code: string;
  message: string;
  nextStep: string;
}

class Process {
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown[]>;
  private readonly messages: Message[] = [];
  stdout = '';
  stderr = '';

  constructor(environment: Record<string, string> = {}) {
    const directory = path.resolve(__dirname, '../../test');
    this.child = fork(
      path.join(directory, 'run-typescript.cjs'),
      [path.join(directory, 'fixture-process.ts')],
      {
        env: { PATH: process.env['PATH'], ...environment },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: [],
      },
    );
    this.child.stdout!.on('data', (chunk) => (this.stdout += String(chunk)));
    this.child.stderr!.on('data', (chunk) => (this.stderr += String(chunk)));
    this.child.on('message', (message) => this.messages.push(message as Message));
    const ended = [this.child.stdout!, this.child.stderr!].map((stream) => once(stream, 'end'));
    this.exited = Promise.all([once(this.child, 'exit'), ...ended]).then(([exit]) => exit);
    running.add(this.child);
  }

  async message(): Promise<Message> {
    while (this.messages.length === 0 && this.child.exitCode === null) await sleep(10);
    if (this.messages.length === 0) throw new Error(`No message: ${this.stderr}`);
    return this.messages.shift()!;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  disconnect(): void {
    this.child.disconnect();
  }

  async exitCode(): Promise<unknown> {
    const [code] = await this.exited;
    return code;
  }

  async logged(start: string): Promise<void> {
    while (!this.log().some((line) => line.startsWith(start))) await sleep(5);
  }

  /** Messages of the log, in order. */
  log(): string[] {
    return this.lines().map(({ msg }) => msg);
  }

  lines(): { level: string; msg: string }[] {
    return this.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { level: string; msg: string });
  }
}

jest.setTimeout(30_000);

const secrets = {
  FIXTURE_SECRET: 'canary "of" a secret',
  FIXTURE_URL: 'sample://user:canary%20of%20a%20url@h/x',
};
const TOLD = /canary/;

const running = new Set<ChildProcess>();
const sockets = new Set<Socket>();

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  for (const socket of sockets) socket.destroy();
  running.clear();
});

async function openSocket(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.add(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function answerOn(socket: Socket, request: string): Promise<string> {
  socket.write(request);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

function problemOf(answer: string): unknown {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
}

const GET = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`;

describe('a start', () => {
  it('tells the parent where it listens, and warns of variables that nobody reads', async () => {
    const app = new Process({ FIXTURE_PROT: '1' });
    const message = await app.message();
    expect(message).toEqual({
      type: 'listening',
      app: 'fixture',
      url: expect.stringMatching(/^http:\/\/localhost:\d+$/) as string,
      databaseUrl: 'postgres://localhost/fixture',
    });
    expect(app.lines()).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        msg: 'FIXTURE_PROT is set, but there is no such variable; did you mean FIXTURE_PORT?',
      }),
    );
    expect((await fetch(`${message.url}/health/ready`)).status).toBe(200);
  });

  it('on a taken port says so in a sentence that names the port and the variable', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const app = new Process({ FIXTURE_PORT: String(port) });
    expect(await app.message()).toMatchObject({ type: 'start-failed', code: 'PORT_TAKEN' });
    expect(await app.exitCode()).toBe(1);
    expect(app.stderr).toBe(
      `fixture did not start: Port ${port} is taken by another process. ` +
        'Stop that process, or set FIXTURE_PORT to another port.\n',
    );
    expect(app.lines().filter(({ level }) => level === 'error')).toEqual([]);
    server.close();
  });

  it.each([
    [
      { FIXTURE_PORT: '80a' },
      'ENVIRONMENT_INVALID',
      /^fixture did not start: FIXTURE_PORT is "80a" and must be a number\..*\n$/,
    ],
    [
      { FIXTURE_TROUBLE: 'datasets' },
      'DATASETS_FILE_INVALID',
      /^fixture did not start: datasets.yaml line 3 has no query\. .*\n$/,
    ],
    [
      { FIXTURE_TROUBLE: 'bug' },
      'INTERNAL',
      /^fixture did not start: x is not a function with .*report.*\nError: x is not a function with .*\n +at /,
    ],
  ])(
    'with %o fails with exit code 1 and one sentence, and a stack for a bug alone',
    async (environment, code, stderr) => {
      const app = new Process({ ...secrets, ...environment });
      const message = await app.message();
      expect(message).toMatchObject({
        type: 'start-failed',
        code,
        nextStep: expect.any(String) as string,
      });
      expect(await app.exitCode()).toBe(1);
      expect(JSON.stringify(message) + app.stdout + app.stderr).not.toMatch(TOLD);
      expect(app.stderr).toMatch(stderr);
      expect(app.log()).toEqual(code === 'ENVIRONMENT_INVALID' ? [] : ['onStopped']);
    },
  );
});

describe('a stop', () => {
  it('finishes what is under way, refuses what is new, and closes in order', async () => {
    const app = new Process({ FIXTURE_GRACE: '400ms' });
    const { url } = await app.message();
    const slow = fetch(`${url}/api/work/slow`);
    const keptAlive = await openSocket(url);
    expect(await answerOn(keptAlive, GET('/health/ready'))).toContain('200 OK');
    const busy = await openSocket(url);
    await sleep(100);

    app.signal('SIGTERM');
    await app.logged('Stopping');
    expect((await fetch(`${url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const duringGrace = await answerOn(busy, GET('/api/work/none'));
    expect(duringGrace).toContain('404');
    expect(duringGrace.toLowerCase()).toContain('connection: close');
    await app.logged('onModuleDestroy');
    const refused = await fetch(`${url}/api/work/slow`);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ code: 'SHUTTING_DOWN' });

    expect((await slow).status).toBe(200);
    expect(await app.exitCode()).toBe(0);
    expect(keptAlive.destroyed || keptAlive.readableEnded).toBe(true);
    expect(app.log().filter((line) => !/GET/.test(line))).toEqual([
      expect.stringMatching(/^Listening/) as string,
      'Stopping: SIGTERM',
      'onModuleDestroy, draining true',
      'beforeApplicationShutdown',
      'slow request answered',
      'onApplicationShutdown',
      'onStopped',
    ]);
  });

  it('is not held up by connections that are idle, that never spoke or that sent half a request', async () => {
    const app = new Process();
    const { url } = await app.message();
    const agent = new Agent({ keepAlive: true });
    const [response] = await once(httpGet(`${url}/health/live`, { agent }), 'response');
    (response as NodeJS.ReadableStream).resume();
    await openSocket(url);
    (await openSocket(url)).write('GET /health/live HTTP/1.1\r\nHost:');
    (await openSocket(url)).write('POST /api/work HTTP/1.1\r\nHost: x\r\n');
    await sleep(50);
    const before = performance.now();
    app.signal('SIGINT');
    app.signal('SIGINT');
    app.signal('SIGTERM');
    expect(await app.exitCode()).toBe(0);
    expect(performance.now() - before).toBeLessThan(3000);
    expect(app.log().filter((line) => line.startsWith('Stopping'))).toHaveLength(1);
    agent.destroy();
  });

  it('that does not come to an end is forced at the deadline, with exit code 1 and a WARN', async () => {
    const app = new Process({ FIXTURE_TROUBLE: 'hangs' });
    await app.message();
    app.signal('SIGTERM');
    expect(await app.exitCode()).toBe(1);
    expect(app.lines().at(-2)).toMatchObject({
      level: 'warn',
      msg: expect.stringContaining('800 ms') as string,
    });
    expect(app.log().at(-1)).toBe('onStopped');
  });

  it('breaks off a request that takes too long in time to close everything else', async () => {
    const app = new Process({ FIXTURE_TROUBLE: 'endless' });
    const { url } = await app.message();
    const answer = fetch(`${url}/api/work/slow`);
    await sleep(100);
    app.signal('SIGTERM');
    await expect(answer).rejects.toThrow('fetch failed');
    expect(await app.exitCode()).toBe(0);
    expect(app.log()).toContain('Requests still under way, broken off: 1');
    expect(app.log().filter((line) => line.startsWith('on'))).toEqual(
      expect.arrayContaining(['onApplicationShutdown', 'onStopped']),
    );
  });

  it('follows the death of the parent', async () => {
    const app = new Process();
    await app.message();
    app.disconnect();
    expect(await app.exitCode()).toBe(0);
    expect(app.log()).toContain('Stopping: the parent process is gone');
  });

  it('follows an error that nobody caught, with a fatal line and exit code 1', async () => {
    const app = new Process(secrets);
    const { url } = await app.message();
    await fetch(`${url}/api/work/reject`).catch(() => undefined);
    expect(await app.exitCode()).toBe(1);
    expect(app.lines().at(-1)).toMatchObject({
      level: 'fatal',
      err: { message: expect.stringMatching(/^nobody catches this with \[hidden]/) as string },
    });
    expect(app.stdout + app.stderr).not.toMatch(TOLD);
  });

  it('follows one while it reads its settings, too, and tells none of them', async () => {
    const app = new Process({ ...secrets, FIXTURE_TROUBLE: 'early' });
    expect(await app.exitCode()).toBe(1);
    expect(app.stderr).toMatch(
      /^Exiting: unhandledRejection\nError: nobody catches this either with \[hidden]/,
    );
    expect(app.stdout + app.stderr).not.toMatch(TOLD);
  });
});

describe('a connection', () => {
  it('that does not speak HTTP, or not in time, is answered with a problem and closed', async () => {
    const app = new Process();
    const { url } = await app.message();
    const garbage = await answerOn(await openSocket(url), 'hello there\r\n\r\n');
    expect(garbage).toMatch(/^HTTP\/1\.1 400 .*\r\nContent-Type: application\/problem\+json\r\n/);
    expect(problemOf(garbage)).toMatchObject({
      code: 'REQUEST_INVALID',
      detail: 'This is not an HTTP request.',
    });

    const overflow = await answerOn(
      await openSocket(url),
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    expect(problemOf(overflow)).toMatchObject({ status: 413, code: 'REQUEST_TOO_LARGE' });

    const loris = await openSocket(url);
    const late = await answerOn(loris, 'GET / HTTP/1.1\r\nX-Slow: ');
    expect(problemOf(late)).toMatchObject({ detail: 'The request did not arrive in time.' });
    await once(loris, 'close');
    expect(app.lines().filter(({ level }) => level !== 'info')).toEqual([]);
  });
});
