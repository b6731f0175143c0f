import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const PARENT_POLL_MS = 500;
/** The local system takes at most 15 s for each of its two apps; then it is not going to end by itself. */
const STOP_DEADLINE_MS = 45_000;

const parentPid = process.ppid;

/**
 * Runs a program that must not outlive us, nor we it.
 *
 * - Signals that ask us to end are passed on, and we end when it has.
 * - When npm, our parent, is killed, nobody asks: we notice, and do as on SIGTERM.
 * - When we are killed, the program must notice. With `ipc` it has a channel to us whose closing means "shut down"
 *   (onParentDeath of libs/app-process); messages of libs/app-process/src/ipc-messages.ts go to `onMessage`.
 *
 * Resolves to its exit code (128 + n when it was ended by signal n), and to the signal that we were asked to end with.
 */
export function runChild(
  command,
  args,
  {
    cwd,
    env = process.env,
    stdio = ['inherit', 'inherit', 'inherit'],
    ipc = false,
    stopDeadlineMs = STOP_DEADLINE_MS,
    onOutput,
    onMessage,
  },
) {
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ipc ? stdio.concat('ipc') : stdio,
  });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onOutput);
  if (onMessage) child.on('message', onMessage);

  let stoppedBy;
  let deadline;
  const stop = (signal) => {
    // A terminal that is closed ends us; on SIGHUP central would read its datasets file again.
    child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
    stoppedBy ??= signal;
    deadline ??= setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
  };
  const unwatch = watchForEnd(stop);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve({ code: code ?? 128 + constants.signals[signal], stoppedBy }),
    );
  }).finally(() => {
    clearTimeout(deadline);
    unwatch();
  });
}

function watchForEnd(stop) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, stop);
  // Somebody who starts a script by hand may close the shell; npm ends before its script only when it is killed.
  const startedByNpm = process.env.npm_lifecycle_event !== undefined;
  const timer = setInterval(() => {
    if (!startedByNpm || process.ppid === parentPid) return;
    clearInterval(timer);
    stop('SIGTERM');
  }, PARENT_POLL_MS);
  return () => {
    clearInterval(timer);
    for (const signal of signals) process.off(signal, stop);
  };
}

export function exitCodeOf(signal) {
  return 128 + constants.signals[signal];
}
