import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A built app, run as a process of its own, as in production. */
export class AppProcess {
  private output = '';

  private constructor(
    private readonly child: ChildProcess,
    readonly exited: Promise<number | null>,
  ) {
    child.stdout!.on('data', (text: Buffer) => (this.output += text.toString()));
    child.stderr!.on('data', (text: Buffer) => (this.output += text.toString()));
  }

  /** Where it listens, once it has started. */
  url = '';
  databaseUrl = '';

  /** Starts the app on a free port and waits until it listens. @throws with its output when it does not */
  static async start(app: 'central' | 'edge', environment: Record<string, string>): Promise<AppProcess> {
    const started = AppProcess.spawn(app, environment);
    const listening = once(started.child, 'message').then(([message]) => {
      return message as { type: string; url: string; databaseUrl: string };
    });
    const message = await Promise.race([listening, started.exited]);
    if (typeof message !== 'object' || message?.type !== 'listening') {
      throw new Error(`${app} did not start:\n${started.output}`);
    }
    started.url = message.url;
    started.databaseUrl = message.databaseUrl;
    return started;
  }

  /** Starts the app and does not wait: for starts that are to fail. */
  static spawn(app: 'central' | 'edge', environment: Record<string, string>): AppProcess {
    const prefix = app.toUpperCase();
    const child = spawn(process.execPath, [join('dist', 'apps', app, 'src', 'main.js')], {
      env: {
        PATH: process.env['PATH'],
        [`${prefix}_HOST`]: '127.0.0.1',
        [`${prefix}_PORT`]: '0',
        [`${prefix}_LOG_FORMAT`]: 'json',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    return new AppProcess(
      child,
      once(child, 'exit').then(([code]) => code as number | null),
    );
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** All that it has printed. */
  get log(): string {
    return this.output;
  }

  /** Its log lines at WARN and above. */
  get complaints(): { level: string; msg: string }[] {
    return this.output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { level: string; msg: string })
      .filter(({ level }) => ['warn', 'error', 'fatal'].includes(level));
  }

  /** The most memory that it has had resident. */
  get peakRssMiB(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Asks it to end, and waits. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    return this.exited;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}
