import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = resolve(fileURLToPath(import.meta.url), '..', '..');

/** Files that running leaves behind: data, logs, locks. Ignored by git, removed by `npm run reset`. */
export const stateDirectory = join(projectRoot, '.rivulet');

/** Below node_modules. */
export const bundledNode = `node-${process.platform}-${process.arch}/bin/node`;

const REQUIRED_NODE_MAJOR = 24;

/** A reason to stop that the user can act on. Printed as it is, without a stack. */
export class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Runs a script's main function and ends the process with the exit code it resolves to. */
export async function runMain(main) {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {}); // The reader may be gone.
  try {
    process.exitCode = (await main(process.argv.slice(2))) ?? 0;
  } catch (error) {
    process.exitCode = error.exitCode ?? 1;
    // A message of the operating system, such as "permission denied" with the path, needs no stack either.
    const text = error instanceof Failure || error.syscall !== undefined ? error.message : error.stack;
    if (text !== '') process.stderr.write(`${text}\n`);
  }
}

export function isMain(moduleUrl) {
  return process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(moduleUrl);
}

/** The Node that came with the packages, else the one we run on if it is new enough. */
export function findNode() {
  const bundled = join(projectRoot, 'node_modules', bundledNode);
  if (existsSync(bundled)) return bundled;
  if (Number.parseInt(process.versions.node, 10) >= REQUIRED_NODE_MAJOR) return process.execPath;
  throw new Failure(
    `Rivulet runs on Node ${REQUIRED_NODE_MAJOR}, which its packages bring for Linux on x64 and arm64 only; ` +
      `this is Node ${process.versions.node}. Install Node ${REQUIRED_NODE_MAJOR} and run the command again.`,
  );
}
