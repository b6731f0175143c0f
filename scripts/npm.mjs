import { existsSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { Failure, projectRoot } from './project.mjs';
import { runChild } from './run-child.mjs';

/** Asked to end, npm puts everything back, which takes half a minute; the next start begins again anyway. */
const STOP_DEADLINE_MS = 2_000;

/** Runs npm in a folder; resolves as runChild() does. */
export async function runNpm(args, { cwd, onOutput }) {
  const [command, ...before] = findNpm();
  // npm removes node_modules first; it must not run on the Node in there.
  const modulesDirectory = join(projectRoot, 'node_modules');
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.startsWith(modulesDirectory));
  try {
    return await runChild(command, [...before, ...args], {
      cwd,
      env: { ...process.env, PATH: path.join(delimiter) },
      stdio: ['ignore', 'pipe', 'pipe'],
      stopDeadlineMs: STOP_DEADLINE_MS,
      onOutput,
    });
  } catch (error) {
    throw new Failure(
      `npm cannot be run (${error.message}); it comes with Node. Install it and run the command again.`,
    );
  }
}

function findNpm() {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  return npm && node && basename(npm) === 'npm-cli.js' && existsSync(npm) ? [node, npm] : ['npm'];
}
