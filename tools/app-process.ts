import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lastComplaints } from './app-log';
import { logsDirectory, projectRoot } from './project-paths';

export type AppName = 'central' | 'edge';

export interface Listening {
  url: string;
  databaseUrl: string;
}

type AppMessage =
  | { type: 'listening'; url: string; databaseUrl?: string }
  | { type: 'start-failed'; code: string; message: string; nextStep: string };

/** Why an app does not run. The message is for the user, as it is. */
export class AppFailure extends Error {}

const STOP_DEADLINE_MS = 15_000;
const LAST_MESSAGE_MS = 1_000;

/** One of the two apps, in a process group of its own: Ctrl-C reaches us alone, and we choose the order. */
export class AppProcess {
  /** @throws AppFailure */
  readonly listening: Promise<Listening>;
  /** How it ended, in words: `exit code 1`, `SIGKILL`. */
  readonly exited: Promise<string>;
  private readonly logFile: string;
  private readonly child: ChildProcess;

  constructor(
    private readonly name: AppName,
    environment: NodeJS.ProcessEnv,
  ) {
    this.logFile = join(logsDirectory, `${name}.log`);
    const log = openLog(this.logFile);
    const program = join(projectRoot, 'dist', 'apps', name, 'src', 'main.js');
    this.child = spawn(process.execPath, ['--enable-source-maps', program], {
      cwd: projectRoot,
      detached: true,
      env: { ...environment, RIVULET_PARENT_CHANNEL: 'ipc' },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.exited = this.awaitExit();
    this.listening = this.awaitListening();
    this.listening.catch(() => undefined); // Nobody asks when it is stopped while it starts.
  }

  /** Asks it to end, and ends it after 15 s. Its PostgreSQL ends with it either way. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const deadline = new AbortController();
    const late = delay(STOP_DEADLINE_MS, 'late', { signal: deadline.signal }).catch(() => 'over');
    if ((await Promise.race([this.exited, late])) === 'late') this.child.kill('SIGKILL');
    deadline.abort();
    await this.exited;
  }

  describeExit(what: string, how: string): string {
    const parts = [`${this.name} ${what} (${how}).`, ...lastComplaints(this.logFile)];
    return `${parts.join(' ')} Its log is ${relative(projectRoot, this.logFile)}.`;
  }

  private async awaitListening(): Promise<Listening> {
    const message = once(this.child, 'message').then(([value]) => value as AppMessage);
    const outcome = await Promise.race([message, this.exited]);
    if (typeof outcome === 'string') throw new AppFailure(this.describeExit('did not start', outcome));
    if (outcome.type === 'start-failed') throw new AppFailure(`${outcome.message} ${outcome.nextStep}`);
    return { url: outcome.url, databaseUrl: outcome.databaseUrl ?? '' };
  }

  private async awaitExit(): Promise<string> {
    try {
      const [code, signal] = (await once(this.child, 'exit')) as [number | null, string | null];
      // Its last message may still be in the channel.
      if (this.child.connected) await Promise.race([once(this.child, 'disconnect'), delay(LAST_MESSAGE_MS)]);
      return signal ?? `exit code ${code}`;
    } catch (error) {
      return (error as Error).message;
    }
  }
}

/** Each start begins a new log and keeps the one before. */
function openLog(path: string): number {
  mkdirSync(logsDirectory, { recursive: true });
  try {
    renameSync(path, path.replace(/\.log$/, '.previous.log'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return openSync(path, 'a');
}
