import { execFile, spawn, type ChildProcess } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hasCurl, playTour } from '../support/documents/readme-tour';
import { until, type SyncAnswer } from '../support/apps/sync-pair';

const COPIED = ['apps', 'bench', 'db', 'dist', 'libs', 'scripts', 'tools', 'nest-cli.json', 'package.json'];
const COPIED_TOO = ['package-lock.json', 'tsconfig.build.json', 'tsconfig.json', '.npmrc'];

const describeWithCurl = hasCurl ? describe : describe.skip;

/** `npm start` in a folder of its own, on ports of its own. */
class Checkout {
  private readonly started: ChildProcess[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), 'rivulet-checkout-'));

  constructor(private readonly ports: { CENTRAL_PORT: string; EDGE_PORT: string; WORKER_PORT: string }) {
    for (const name of [...COPIED, ...COPIED_TOO])
      cpSync(name, join(this.directory, name), { recursive: true });
    symlinkSync(join(process.cwd(), 'node_modules'), join(this.directory, 'node_modules'));
  }

  npmStart(more: NodeJS.ProcessEnv = {}): {
    npm: ChildProcess;
    output: () => string;
    exited: Promise<number | null>;
  } {
    const environment = Object.entries(process.env).filter(
      ([name]) => !/^(CENTRAL|EDGE|NODE_ENV|npm)_?/.test(name),
    );
    const npm = spawn('npm', ['start'], {
      cwd: this.directory,
      env: { ...Object.fromEntries(environment), CENTRAL_AGENT_PORT: '0', ...this.ports, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.started.push(npm);
    let text = '';
    npm.stdout.on('data', (piece: Buffer) => (text += piece.toString()));
    npm.stderr.on('data', (piece: Buffer) => (text += piece.toString()));
    const exited = new Promise<number | null>((resolve) => npm.once('close', resolve));
    return { npm, output: () => text, exited };
  }

  get runtime(): Record<string, string> {
    return JSON.parse(readFileSync(join(this.directory, '.rivulet', 'runtime.json'), 'utf8')) as Record<
      string,
      string
    >;
  }

  /** What a command prints. */
  async run(script: string): Promise<string> {
    const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
    const options = { cwd: this.directory, env: environment };
    return (await promisify(execFile)('npm', ['run', '-s', script], options)).stdout;
  }

  logs(): string {
    const folder = join(this.directory, '.rivulet', 'logs');
    return readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('\n');
  }

  /** Log lines that the apps have not written themselves, such as warnings of Node. */
  foreignLogLines(): string[] {
    const lines = this.logs().split('\n');
    return lines.filter((line) => line !== '' && !line.startsWith('{"level":'));
  }

  /** Commands of all processes that run in this folder. */
  processes(): string[] {
    const found: string[] = [];
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        if (command.includes(this.directory)) found.push(`${pid} ${command}`);
      } catch {
        // It has ended meanwhile.
      }
    }
    return found;
  }

  /** Processes that a failed test leaves would keep the test run from ending. */
  async remove(): Promise<void> {
    for (const npm of this.started) npm.kill('SIGKILL');
    await until('no process is left', () => this.processes().length === 0);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function passwordIn(databaseUrl = ''): string {
  const { password } = new URL(databaseUrl);
  return password;
}

async function freePorts(count: number): Promise<string[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => String((server.address() as { port: number }).port));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

describe('npm start', () => {
  let checkout: Checkout;
  let ports: string[];

  beforeAll(async () => {
    ports = await freePorts(3);
    checkout = new Checkout({ CENTRAL_PORT: ports[0]!, EDGE_PORT: ports[1]!, WORKER_PORT: ports[2]! });
  });
  afterAll(() => checkout.remove());

  it.each([
    [
      { CENTRAL_DATABASE_URL: 'postgresql://me@127.0.0.1:9/mine' },
      'CENTRAL_DATABASE_URL is set, and npm start runs the demo on databases of its own. Unset it, or start',
    ],
    [
      { CENTRAL_SOURCE_DATABASE_URL: 'postgresql://me@127.0.0.1:9/a', EDGE_DATABASE_URL: 'postgresql:///b' },
      'CENTRAL_SOURCE_DATABASE_URL and EDGE_DATABASE_URL are set, and npm start runs the demo on databases of its own. ' +
        'Unset them, or start',
    ],
    [{ NODE_ENV: 'production' }, 'NODE_ENV is production, and npm start'],
  ])('refuses %j before it has touched anything', async (environment, refusal) => {
    const { output, exited } = checkout.npmStart(environment);
    expect(await exited).toBe(1);
    expect(output()).toContain(refusal);
    expect(output()).not.toMatch(/\n\s+at /);
    expect(existsSync(join(checkout.directory, '.rivulet'))).toBe(false);
  });

  it('reaches a verified, acknowledged first sync, says where everything is, and leaves nothing when killed', async () => {
    const { npm, output, exited } = checkout.npmStart({ CENTRAL_DATABASE_URL: '' });
    await until('the summary is printed', () => output().includes('Ctrl-C') || npm.exitCode !== null);
    expect(output()).toMatch(/Device: enrolled, 48:b0:2d:e9:c3:b7 is [0-9A-Z]{26} by its key/);
    expect(output()).toMatch(/First sync: applied, verified, acknowledged/);
    expect(output()).toMatch(/users +created +1,032/);
    expect(checkout.runtime).toMatchObject({
      centralUrl: `http://localhost:${ports[0]}`,
      agentPort: expect.any(Number) as number,
      edgeUrl: `http://localhost:${ports[1]}`,
      workerUrl: `http://localhost:${ports[2]}`,
      centralDatabaseUrl: expect.stringMatching(/^postgresql:.*\/central$/) as string,
      edgeDatabaseUrl: expect.stringMatching(/^postgresql:.*\/edge$/) as string,
    });
    const { operatorUsername, operatorPassword, centralDatabaseUrl, edgeDatabaseUrl } = checkout.runtime;
    expect(output()).toContain(
      `Operator: ${operatorUsername}, password ${operatorPassword} (shown this once)`,
    );
    expect(output().split(operatorPassword!)).toHaveLength(2);
    for (const secret of [operatorPassword!, passwordIn(centralDatabaseUrl), passwordIn(edgeDatabaseUrl)])
      expect(checkout.logs().includes(secret)).toBe(false);
    for (const url of [centralDatabaseUrl, edgeDatabaseUrl])
      expect(output().includes(passwordIn(url))).toBe(false);
    for (const file of ['runtime.json', 'operator.json'])
      expect(statSync(join(checkout.directory, '.rivulet', file)).mode & 0o077).toBe(0);
    expect(checkout.processes().length).toBeGreaterThan(4);

    npm.kill('SIGKILL');

    await exited;
    await until('no process is left', () => checkout.processes().length === 0);
  });

  it('keeps the data, and stops cleanly on SIGTERM', async () => {
    const { npm, output, exited } = checkout.npmStart();
    await until('the summary is printed', () => output().includes('Ctrl-C') || npm.exitCode !== null);
    expect(output()).toMatch(/First sync: already current/);
    const { edgeUrl } = checkout.runtime;
    const syncNow = async (): Promise<SyncAnswer> =>
      (await (await fetch(`${edgeUrl}/api/sync/now`, { method: 'POST' })).json()) as SyncAnswer;
    expect((await syncNow()).sequence).toBe(1);
    const { centralUrl, operatorUsername: username, operatorPassword: password } = checkout.runtime;
    const login = await fetch(`${centralUrl}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
    expect(await login.json()).toMatchObject({ user: { role: 'admin' }, must_change_password: false });
    expect(output()).not.toContain(password);
    const rotated = await checkout.run('central:rotate-key');
    expect(rotated).toMatch(/Central signs with a new key.*epoch +2\n/s);
    expect(await checkout.run('central:restored')).toContain('The epoch rose from 2 to 3.');
    expect(await syncNow()).toMatchObject({ status: 'current' });
    const { identity } = (await (await fetch(`${edgeUrl}/api/sync/status`)).json()) as {
      identity: { centralKey: string };
    };
    expect(rotated).toContain(`now     ${identity.centralKey}\n`);

    npm.kill('SIGTERM');

    await exited;
    await until('no process is left', () => checkout.processes().length === 0);
    expect(existsSync(join(checkout.directory, '.rivulet', 'runtime.json'))).toBe(false);
    expect(checkout.foreignLogLines()).toEqual([]);
  });

  describeWithCurl('the tour (skipped without curl)', () => {
    it('does what the README says, command by command', async () => {
      const { npm, output, exited } = checkout.npmStart();
      await until('the summary is printed', () => output().includes('Ctrl-C') || npm.exitCode !== null);

      const played = await playTour(checkout.directory, { 8080: ports[0]!, 8081: ports[1]! });

      /** Of the commands that have this in them, what each printed. */
      const printed = (part: string): string[] =>
        played.filter(({ command }) => command.includes(part)).map((each) => each.output);
      expect(printed('api/devices')).toEqual([expect.stringContaining('"status":"active"')]);
      expect(printed('npm run proof')).toEqual([expect.stringContaining('The proof holds.')]);
      expect(printed('npm run fleet')).toEqual([
        expect.stringMatching(/1 edge, 1 online[^]*current +1[^]*all are current/),
      ]);
      expect(printed('npm run edge:status')).toEqual([
        expect.stringMatching(/Edge 48:b0:2d:e9:c3:b7[^]*Live +connected[^]*users +users +1,032/),
      ]);
      expect(printed('SELECT full_name, status')).toEqual([expect.stringMatching(/Neha Agarwal.*suspended/)]);
      expect(printed('Annika').map((text) => /^ +(\d+)$/m.exec(text)?.[1])).toEqual(['0', '1']);
      expect(printed('edge "SELECT annual_salary')).toEqual([
        expect.stringContaining('column "annual_salary" does not exist'),
      ]);
      const syncs = printed('api/sync/now').map((text) => /"status":"(\w+)"/.exec(text)?.[1]);
      expect(syncs).toEqual(['applied', 'applied', 'failed', 'applied']);
      expect(printed('api/sync/now')[2]).toContain('"code":"CHECKSUM_MISMATCH"');
      expect(printed('api/sync/verify')).toEqual([expect.stringContaining('"status":"repaired"')]);
      expect(printed('SELECT full_name FROM users')).toEqual([expect.stringContaining('Neha Agarwal')]);
      expect(printed('ORDER BY').map((text) => /\(3 rows\)/.test(text))).toEqual([true, true, true]);

      npm.kill('SIGTERM');
      await exited;
    });
  });

  it('says in a sentence which port is taken, and what changes it', async () => {
    const blocker = await listen(Number(ports[1]));
    const { output, exited } = checkout.npmStart();
    const code = await exited;
    await new Promise((resolve) => blocker.close(resolve));
    expect(code).toBe(1);
    expect(output()).toContain(`Port ${ports[1]} is taken by another process.`);
    expect(output()).toContain('EDGE_PORT');
    expect(output()).not.toMatch(/\n\s+at /);
    await until('no process is left', () => checkout.processes().length === 0);
  });
});
