import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';

const COMPILERS_SETTLE_MS = 50;

/**
 * Ends the process. Node waits for V8's compiler threads when it exits, and such a thread may be waiting for the main
 * thread to collect garbage: the process then stays for ever (https://github.com/nodejs/node/issues/54918). So nothing
 * more is compiled, and what is being compiled gets time to end while the main thread still serves it.
 */
export async function exitProcess(code: number): Promise<never> {
  for (const compiler of ['opt', 'maglev', 'sparkplug']) setFlagsFromString(`--no-${compiler}`);
  await sleep(COMPILERS_SETTLE_MS);
  process.exit(code);
}
