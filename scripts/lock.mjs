import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

const POLL_MS = 200;
/** A lock file that is still empty after this long belongs to a process that died between making and writing it. */
const UNWRITTEN_MS = 5_000;

/**
 * A lock that ends with its process, however that ends: the file names the process by pid, start time and boot, and
 * counts only while that very process lives. Resolves to a function that gives the lock back.
 */
export async function waitForLock(path, onWait) {
  for (let waited = false; ; waited = true) {
    const release = tryLock(path);
    if (release !== undefined) return release;
    if (!waited) onWait();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The function that gives the lock back, or undefined while another process holds it. */
export function tryLock(path) {
  mkdirSync(dirname(path), { recursive: true });
  removeStale(path);
  let file;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  }
  const mine = identify(process.pid);
  writeSync(file, mine);
  closeSync(file);
  const release = () => {
    if (read(path) === mine) rmSync(path, { force: true });
  };
  process.once('exit', release);
  return release;
}

/** The pid of the process that holds the lock, or undefined. */
export function lockHolder(path) {
  const content = read(path);
  return content && isAlive(content) ? pidOf(content) : undefined;
}

function removeStale(path) {
  const content = read(path);
  if (content === undefined || (content === '' ? isFresh(path) : isAlive(content))) return;
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
    // Another process may have been quicker and made a new lock since: that one is put back.
    if (read(aside) === content) rmSync(aside, { force: true });
    else renameSync(aside, path);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function isFresh(path) {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < UNWRITTEN_MS;
}

function isAlive(content) {
  const pid = pidOf(content);
  if (identify(pid) !== content) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function pidOf(content) {
  return Number(content.split(' ')[0]);
}

/** Without /proc it is the pid alone. */
function identify(pid) {
  const fieldsAfterName = read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ');
  return `${pid} ${fieldsAfterName?.[19] ?? ''} ${read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}`;
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
