import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isInstalled } from './bus-server';
import { freePort } from './free-port';

const PROGRAM = '/usr/sbin/pgbouncer';
const SETTINGS_FILE = 'pgbouncer.ini';
const READY_WITHIN_MS = 10_000;

type PoolMode = 'session' | 'transaction' | 'statement';

/** Otherwise a line says what is skipped. */
export function hasPgBouncer(what: string): boolean {
  return isInstalled('pgbouncer', what, PROGRAM);
}

/** A pooler in front of the server of the tests, on a free port. */
export class PgBouncer {
  private constructor(
    private readonly port: number,
    private readonly child: ChildProcess,
    private readonly directory: string,
  ) {}

  static async start(server: string, poolMode: PoolMode): Promise<PgBouncer> {
    const { hostname, port, username, password } = new URL(server);
    const directory = mkdtempSync(join(tmpdir(), 'rivulet-pgbouncer-'));
    chmodSync(directory, 0o755);
    const listenPort = await freePort();
    const login = `user=${username} password=${decodeURIComponent(password)}`;
    const users = join(directory, 'users.txt');
    const settings = join(directory, SETTINGS_FILE);
    writeFileSync(users, `"${username}" "${decodeURIComponent(password)}"\n`);
    writeFileSync(
      settings,
      `[databases]
* = host=${hostname} port=${port || '5432'} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = ${poolMode}
default_pool_size = 50
max_client_conn = 200
`,
    );
    const account = process.geteuid?.() === 0 ? ['-u', 'nobody'] : [];
    const child = spawn(PROGRAM, ['-q', ...account, settings], { stdio: 'ignore' });
    const bouncer = new PgBouncer(listenPort, child, directory);
    await bouncer.becomesReady();
    return bouncer;
  }

  through(databaseUrl: string): string {
    return Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(this.port) }).href;
  }

  /** Reloads its settings, and keeps its connections. */
  changeMode(poolMode: PoolMode): void {
    const settings = join(this.directory, SETTINGS_FILE);
    writeFileSync(
      settings,
      readFileSync(settings, 'utf8').replace(/pool_mode = .*/, `pool_mode = ${poolMode}`),
    );
    this.child.kill('SIGHUP');
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await exited;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async becomesReady(): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    while (performance.now() < deadline && this.child.exitCode === null) {
      const socket = connect(this.port, '127.0.0.1');
      const isOpen = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (isOpen) return;
      await delay(50);
    }
    await this.stop();
    throw new Error('PgBouncer did not start.');
  }
}
