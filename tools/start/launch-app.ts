import { mkdirSync, renameSync } from 'node:fs';
import { join, relative } from 'node:path';
import { AppProcess, AppStartFailure, lastFailuresIn, type ListeningMessage } from '@rivulet/app-process';
import { logsDirectory, projectRoot } from '../project-paths';
import { Failure } from '../failure';

export type AppName = 'central' | 'edge' | 'worker';

/** Starts an app whose output goes to a log file of its own. Ctrl-C reaches us alone, and we choose the order. */
export function launchApp(name: AppName, environment: NodeJS.ProcessEnv): AppProcess {
  return new AppProcess({
    program: join(projectRoot, 'dist', 'apps', name, 'src', 'main.js'),
    nodeArguments: ['--enable-source-maps'],
    cwd: projectRoot,
    environment,
    detached: true,
    logFile: rotateLog(name),
  });
}

/** @throws Failure */
export async function untilListening(name: AppName, app: AppProcess): Promise<ListeningMessage> {
  try {
    return await app.listening;
  } catch (error) {
    if (!(error instanceof AppStartFailure)) throw error;
    const { reported } = error;
    throw new Failure(
      reported === undefined
        ? describeEnd(name, app, 'did not start')
        : `${reported.message} ${reported.nextStep}`,
    );
  }
}

/** `central has ended by itself (exit code 1).`, its last errors, and where its log is. */
export function describeEnd(name: AppName, app: AppProcess, what: string): string {
  const parts = [`${name} ${what} (${app.exit}).`, ...lastFailuresIn(app.log)];
  return `${parts.join(' ')} Its log is ${relative(projectRoot, logFileOf(name))}.`;
}

/** Each start begins a new log and keeps the one before. */
function rotateLog(name: AppName): string {
  mkdirSync(logsDirectory, { recursive: true });
  try {
    renameSync(logFileOf(name), join(logsDirectory, `${name}.previous.log`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return logFileOf(name);
}

function logFileOf(name: AppName): string {
  return join(logsDirectory, `${name}.log`);
}
