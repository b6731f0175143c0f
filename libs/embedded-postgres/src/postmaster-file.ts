import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What postmaster.pid in a data directory says, and what of it is true. The file outlives a server that was
 * killed, and its pid may by now belong to another process.
 * https://www.postgresql.org/docs/18/storage-file-layout.html
 */
export interface PostmasterFile {
  pid: number;
  port: number;
  /** `starting`, `ready`, `stopping` or `standby`; empty before the server has come so far. */
  state: string;
}

export interface LivePostmaster extends PostmasterFile {
  /** The process that started the server, while it lives: the parent of the guard. */
  ownerPid: number | undefined;
}

/** The setting by which a server's command line tells which directory it serves. */
export const DIRECTORY_SETTING = 'rivulet.directory';

export function readPostmasterFile(dataDirectory: string): PostmasterFile | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return { pid: Number(lines[0]), port: Number(lines[3] ?? 0), state: lines[7]?.trim() ?? '' };
}

/**
 * The server that runs on this directory, or undefined if the file is missing or stale. /proc/<pid>/cwd would say
 * the same but is closed to root in a container without CAP_SYS_PTRACE; the command line is open to all.
 */
export function findLivePostmaster(directory: string): LivePostmaster | undefined {
  const file = readPostmasterFile(join(directory, 'data'));
  if (file === undefined || !Number.isInteger(file.pid) || file.pid <= 0) return undefined;
  const commandLine = readProc(file.pid, 'cmdline').split('\0');
  if (!commandLine.includes(`${DIRECTORY_SETTING}=${directory}`)) return undefined;
  const guardPid = parentOf(file.pid);
  const ownerPid = guardPid > 1 ? parentOf(guardPid) : 0;
  return { ...file, ownerPid: ownerPid > 1 ? ownerPid : undefined };
}

/**
 * Whether the file only stands in the way: no such process, or one that is no server or serves another directory.
 * A server that somebody started here by hand is neither; PostgreSQL then refuses to start and says why.
 */
export function isStale(file: PostmasterFile, directory: string): boolean {
  if (!Number.isInteger(file.pid) || file.pid <= 0 || !isRunning(file.pid)) return true;
  if (statusField(file.pid, 'Name') !== 'postgres') return true;
  const served = readProc(file.pid, 'cmdline')
    .split('\0')
    .find((argument) => argument.startsWith(`${DIRECTORY_SETTING}=`));
  return served !== undefined && served !== `${DIRECTORY_SETTING}=${directory}`;
}

export function isRunning(pid: number): boolean {
  const state = statusField(pid, 'State');
  return state !== undefined && !state.startsWith('Z');
}

export function parentOf(pid: number): number {
  return Number(statusField(pid, 'PPid') ?? 0);
}

function statusField(pid: number, field: string): string | undefined {
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readProc(pid, 'status'))?.[1];
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
