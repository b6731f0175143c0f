import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RivuletError } from '@rivulet/errors';

/** The process before may still be stopping, as in a restart. */
const PATIENCE_MS = 3_000;
const POLL_MS = 100;

/** A lock that is still empty after this long belongs to a process that died between making and writing it. */
const UNWRITTEN_MS = 5_000;

/** The right to use a spool, which ends with its process. */
export class SpoolLock {
  private readonly releaseAtExit = (): void => this.release();

  private constructor(
    private readonly path: string,
    private readonly content: string,
  ) {
    process.once('exit', this.releaseAtExit);
  }

  /**
   * The file beside the spool names its process by pid, start time and boot, and counts only while that very process
   * lives: one that was killed leaves nothing that must be removed by hand.
   *
   * @throws RivuletError SPOOL_TAKEN when another process uses the spool
   */
  static async take(spoolPath: string, patienceMs = PATIENCE_MS): Promise<SpoolLock> {
    const path = `${spoolPath}.lock`;
    const content = identify(process.pid);
    const deadline = performance.now() + patienceMs;
    for (;;) {
      removeStale(path);
      if (create(path, content)) return new SpoolLock(path, content);
      if (performance.now() >= deadline) break;
      await sleep(POLL_MS);
    }
    const pid = pidOf(read(path) ?? '');
    const holder = Number.isNaN(pid) ? 'another process' : `process ${pid}`;
    throw new RivuletError('SPOOL_TAKEN', `The spool ${spoolPath} is in use by ${holder}.`);
  }

  release(): void {
    process.off('exit', this.releaseAtExit);
    if (read(this.path) === this.content) rmSync(this.path, { force: true });
  }
}

/** False when the file is there. */
function create(path: string, content: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, content);
    closeSync(file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function removeStale(path: string): void {
  const content = read(path);
  if (content === undefined || (content === '' ? isFresh(path) : isAlive(content))) return;
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    // Another process may have been quicker and made a new lock since: that one is put back.
    if (read(aside) === content) rmSync(aside, { force: true });
    else renameSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function isFresh(path: string): boolean {
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  // A clock that went back makes the file of the future: not fresh either.
  return age >= 0 && age < UNWRITTEN_MS;
}

function isAlive(content: string): boolean {
  const pid = pidOf(content);
  if (Number.isNaN(pid)) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is somebody else's, whose start time may not be shown to us.
    if (codeOf(error) !== 'EPERM') return false;
    if (startOf(pid) === '') return true;
  }
  return identify(pid) === content;
}

function pidOf(content: string): number {
  return Number.parseInt(content, 10);
}

/** Without /proc it is the pid alone. */
function identify(pid: number): string {
  return `${pid} ${startOf(pid)} ${read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}`;
}

/** In clock ticks since the boot. */
function startOf(pid: number): string {
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')[19] ?? '';
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
