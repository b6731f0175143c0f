import { join } from 'node:path';
import { AppFailure } from './app-process';
import { LocalSystem } from './local-system';
import { onParentGone } from './parent-watch';
import { stateDirectory } from './project-paths';
import { loadScript } from './scripts';

/** `npm start`: central and one edge on this machine, until somebody asks them to end. */
async function main(): Promise<void> {
  const system = new LocalSystem();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => system.askToStop());
  onParentGone(() => system.askToStop());
  // The reader of the output may be gone, as with a closed terminal; there is still something to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

  try {
    await refuseSecondSystem();
    await system.run();
    process.stdout.write(process.stdout.isTTY ? '\r\u001B[KStopped.\n' : 'Stopped.\n'); // Over the ^C.
  } catch (error) {
    const { message, stack, syscall } = error as NodeJS.ErrnoException;
    // A message of the operating system, such as "permission denied" with the path, needs no stack either.
    const text = error instanceof AppFailure || syscall !== undefined ? message : String(stack);
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  }
  if (process.connected) process.disconnect();
}

async function refuseSecondSystem(): Promise<void> {
  const { tryLock, lockHolder } = await loadScript('lock');
  const lockFile = join(stateDirectory, 'start.lock');
  if (tryLock(lockFile) === undefined) {
    throw new AppFailure(`Rivulet already runs from this folder, as process ${lockHolder(lockFile)}.`);
  }
}

void main();
