import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DATA_DIRECTORY_FROM_INSIDE, SERVER_ENVIRONMENT } from './cluster';
import { DIRECTORY_SETTING, findLivePostmaster, isRunning, parentOf } from './postmaster-file';
import type { ServerAccount } from './server-account';
import { SERVER_GUARD } from './server-guard';

const POLL_MS = 20;
const KEPT_LINES = 40;
/** Waits this long for the last log lines in the pipe. */
const LAST_LINES_MS = 500;
/** The guard allows the server five seconds, then stops it immediately; this is for a guard that hangs. */
const STOP_DEADLINE_MS = 20_000;

export interface EmbeddedServerExit {
  /** The server's exit code; 128 + n when it was killed by signal n. */
  code: number;
  /** False if the server ended by itself. */
  requested: boolean;
  /** The end of its log. */
  lastLines: string[];
}

export interface ServerCommand {
  postgres: string;
  /** The folder that holds `data/`. */
  directory: string;
  dataDirectory: string;
  account: ServerAccount | undefined;
  settings: Record<string, string>;
  log: (line: string) => void;
}

export class ServerProcess {
  readonly exited: Promise<EmbeddedServerExit>;
  readonly lastLines: string[] = [];
  pid: number | undefined;
  private readonly guard: ChildProcess;
  private readonly pipe: Writable;
  private readonly logEnded: Promise<void>;
  private hasEnded = false;
  private stopRequested = false;

  constructor(private readonly command: ServerCommand) {
    const settings = { ...command.settings, [DIRECTORY_SETTING]: command.directory };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = [command.postgres, '-D', DATA_DIRECTORY_FROM_INSIDE, ...options];
    const guard = spawn('/bin/sh', ['-c', SERVER_GUARD, 'rivulet-postgres-guard', ...server], {
      cwd: command.dataDirectory,
      env: SERVER_ENVIRONMENT,
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
      uid: command.account?.uid,
      gid: command.account?.gid,
    });
    this.guard = guard;
    this.pipe = guard.stdin;
    this.pipe.on('error', () => undefined);
    this.logEnded = this.readLog(guard.stderr);
    this.exited = this.awaitExit();
  }

  /** True when the server accepts connections, false if it has ended. */
  async isReady(deadlineMs: number): Promise<boolean> {
    const startedAt = performance.now();
    while (!this.hasEnded && performance.now() - startedAt < deadlineMs) {
      const server = findLivePostmaster(this.command.directory);
      if (server?.state === 'ready' && parentOf(server.pid) === this.guard.pid) {
        this.pid = server.pid;
        return true;
      }
      await delay(POLL_MS);
    }
    return false;
  }

  async stop(): Promise<void> {
    this.stopRequested = true;
    this.pipe.end();
    const deadline = new AbortController();
    const overdue = delay(STOP_DEADLINE_MS, undefined, { signal: deadline.signal }).then(
      () => this.killGroup(),
      () => undefined,
    );
    await Promise.race([this.exited, overdue.then(() => this.exited)]);
    deadline.abort();
  }

  /** The guard, its watcher and the server are one process group. Backends end when the server is gone. */
  private killGroup(): void {
    if (this.guard.pid !== undefined && !this.hasEnded) process.kill(-this.guard.pid, 'SIGKILL');
  }

  private async awaitExit(): Promise<EmbeddedServerExit> {
    const code = await this.awaitGuard();
    this.pipe.destroy(); // If the guard was killed, this is what its watcher waits for.
    while (this.pid !== undefined && isRunning(this.pid)) await delay(POLL_MS);
    await Promise.race([this.logEnded, delay(LAST_LINES_MS)]);
    this.hasEnded = true;
    return { code, requested: this.stopRequested, lastLines: this.lastLines };
  }

  private async awaitGuard(): Promise<number> {
    try {
      const [code] = (await once(this.guard, 'exit')) as [number | null];
      return code ?? 137;
    } catch (error) {
      this.lastLines.push(`FATAL:  ${(error as Error).message}`);
      return 127;
    }
  }

  private async readLog(stream: Readable): Promise<void> {
    for await (const line of createInterface({ input: stream })) {
      this.lastLines.push(line);
      if (this.lastLines.length > KEPT_LINES) this.lastLines.shift();
      this.command.log(line);
    }
  }
}
