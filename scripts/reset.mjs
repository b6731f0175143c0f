import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder } from './lock.mjs';
import { Failure, runMain, stateDirectory } from './project.mjs';
import { appRuntimeFile, readRuntimeFile } from './runtime-file.mjs';

/** Back to before the first `npm start`, except for what is installed and built. */
await runMain(async () => {
  const pid = findRunning();
  if (pid !== undefined)
    throw new Failure(`Rivulet is running, as process ${pid}; stop it first, then reset.`);
  try {
    rmSync(stateDirectory, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    throw new Failure(
      `${stateDirectory} cannot be removed (${error.message}); reset as the user that started it.`,
    );
  }
  process.stdout.write('Removed the data and logs in .rivulet.\n');
});

function findRunning() {
  const entries = list();
  for (const name of entries.filter((entry) => entry.endsWith('.lock'))) {
    const pid = lockHolder(join(stateDirectory, name));
    if (pid !== undefined) return pid;
  }
  for (const app of ['central', 'edge']) {
    const runtime = readRuntimeFile(appRuntimeFile(app));
    if (runtime !== undefined) return runtime.pid;
  }
  return entries.map(findServer).find((pid) => pid !== undefined);
}

/** A PostgreSQL server that still shuts down, or whose app was started in another way. */
function findServer(name) {
  try {
    const directory = join(stateDirectory, name);
    const pid = readFileSync(join(directory, 'data', 'postmaster.pid'), 'utf8').split('\n')[0];
    const commandLine = readFileSync(`/proc/${Number(pid)}/cmdline`, 'utf8').split('\0');
    return commandLine.includes(`rivulet.directory=${directory}`) ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

function list() {
  try {
    return readdirSync(stateDirectory);
  } catch {
    return [];
  }
}
