import '@rivulet/node-version';
import { join } from 'node:path';
import { clearLine, cursorTo } from 'node:readline';
import { onParentDeath } from '@rivulet/app-process';
import { lockHolder, tryLock } from '#scripts/lock.mjs';
import { Failure } from '../failure';
import { stateDirectory } from '../project-paths';
import { runMain } from '../run-main';
import { LocalSystem } from './local-system';

/** `npm start`: central and one edge on this machine, until somebody asks them to end. */
async function main(): Promise<void> {
  const system = new LocalSystem();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => system.askToStop());
  onParentDeath(() => system.askToStop());
  refuseSecondSystem();
  await system.run();
  if (process.stdout.isTTY) eraseInterrupt();
  process.stdout.write('Stopped.\n');
}

/** The terminal shows ^C. */
function eraseInterrupt(): void {
  cursorTo(process.stdout, 0);
  clearLine(process.stdout, 1);
}

function refuseSecondSystem(): void {
  const lockFile = join(stateDirectory, 'start.lock');
  if (tryLock(lockFile) === undefined) {
    throw new Failure(`Rivulet already runs from this folder, as process ${lockHolder(lockFile)}.`);
  }
}

void runMain(main);
