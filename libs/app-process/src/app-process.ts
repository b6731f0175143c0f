import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { complaintsIn, type LogEntry } from './app-log';
import type { AppMessage, ListeningMessage, StartFailedMessage } from './ipc-messages';

export interface AppProcessOptions {
  /** A compiled program. */
  program: string;
  environment: NodeJS.ProcessEnv;
  cwd?: string;
  /** Arguments of Node. */
  nodeArguments?: string[];
  /** Where its output is appended; without one it is kept in memory. */
  logFile?: string;
  /** In a process group of its own: Ctrl-C in the terminal does not reach it. */
  detached?: boolean;
}

/** One arena of malloc for all threads: each would keep free memory of its own. See docs/adr/0010. */
const ONE_ARENA = { MALLOC_ARENA_MAX: '1' };

/** The app ended before it listened. */
export class AppStartFailure extends Error {
  constructor(
    how: string,
    /** Undefined when the app itself did not say why. */
    readonly reported: StartFailedMessage | undefined,
  ) {
    super(`The app did not start (${how}).`);
  }
}

/** Its last message may still be in the channel when it has ended. */
const LAST_MESSAGE_MS = 1_000;

/** An app that runs as a child of this process and ends with it. */
export class AppProcess {
  /** @throws AppStartFailure */
  readonly listening: Promise<ListeningMessage>;
  /** Its exit code; null when a signal has ended it, or when it could not be started. */
  readonly exited: Promise<number | null>;
  private readonly child: ChildProcess;
  private readonly logFile: string | undefined;
  private output = '';
  private started: ListeningMessage | undefined;
  private spawnError: Error | undefined;

  constructor(options: AppProcessOptions) {
    this.logFile = options.logFile;
    this.child = spawnProgram(options);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text: Buffer) => (this.output += text.toString()));
    }
    this.exited = this.awaitExit();
    this.listening = this.awaitListening();
    this.listening.catch(() => undefined); // Nobody asks when it is stopped while it starts.
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Empty until it listens. */
  get url(): string {
    return this.started?.url ?? '';
  }

  /** Empty until it listens. */
  get databaseUrl(): string {
    return this.started?.databaseUrl ?? '';
  }

  /** All that it has printed. */
  get log(): string {
    return this.logFile === undefined ? this.output : readFileSync(this.logFile, 'utf8');
  }

  /** Its log lines at WARN and above. */
  get complaints(): LogEntry[] {
    return complaintsIn(this.log);
  }

  /** How it ended, in words: `exit code 1` · `SIGKILL`. */
  get exit(): string {
    return this.spawnError?.message ?? this.child.signalCode ?? `exit code ${this.child.exitCode}`;
  }

  /** The most memory that it has had resident. */
  get peakRssMiB(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
  }

  /** From now on this process may end while the app runs, which then ends too. */
  unref(): void {
    this.child.unref();
    this.child.channel?.unref();
    for (const stream of [this.child.stdout, this.child.stderr]) (stream as Socket | null)?.unref();
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Asks it to end and waits; after `deadlineMs`, if that is given, kills it. */
  async stop(deadlineMs?: number): Promise<number | null> {
    this.child.kill('SIGTERM');
    const deadline =
      deadlineMs === undefined ? undefined : setTimeout(() => this.child.kill('SIGKILL'), deadlineMs);
    const code = await this.exited;
    clearTimeout(deadline);
    return code;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  private async awaitListening(): Promise<ListeningMessage> {
    const message = once(this.child, 'message').then(
      ([value]) => value as AppMessage,
      () => this.exited,
    );
    const outcome = await Promise.race([message, this.exited]);
    if (outcome === null || typeof outcome === 'number') throw new AppStartFailure(this.exit, undefined);
    if (outcome.type === 'start-failed') throw new AppStartFailure('start-failed', outcome);
    this.started = outcome;
    return outcome;
  }

  private async awaitExit(): Promise<number | null> {
    try {
      const [code] = (await once(this.child, 'exit')) as [number | null];
      if (this.child.connected) await Promise.race([once(this.child, 'disconnect'), delay(LAST_MESSAGE_MS)]);
      return code;
    } catch (error) {
      this.spawnError = error as Error;
      return null;
    }
  }
}

function spawnProgram(options: AppProcessOptions): ChildProcess {
  const { program, environment, cwd, nodeArguments = [], logFile, detached = false } = options;
  const log = logFile === undefined ? undefined : openSync(logFile, 'a');
  const stdio: StdioOptions = ['ignore', log ?? 'pipe', log ?? 'pipe', 'ipc'];
  const env = { ...ONE_ARENA, ...environment };
  try {
    return spawn(process.execPath, [...nodeArguments, program], { cwd, detached, env, stdio });
  } finally {
    if (log !== undefined) closeSync(log);
  }
}
