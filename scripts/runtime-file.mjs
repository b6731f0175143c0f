import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stateDirectory } from './project.mjs';

/** Where the local system of `npm start` says what runs where. It has passwords in it. */
export const systemRuntimeFile = join(stateDirectory, 'runtime.json');

/** The same of one app that was started alone. */
export function appRuntimeFile(app) {
  return join(stateDirectory, `runtime.${app}.json`);
}

export function writeRuntimeFile(path, runtime) {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(runtime, undefined, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

/** The running system, or undefined; a process that was killed leaves its file behind. */
export function readRuntimeFile(path) {
  let runtime;
  try {
    runtime = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
  return isRunning(runtime.pid) ? runtime : undefined;
}

export function removeRuntimeFile(path) {
  rmSync(path, { force: true });
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
