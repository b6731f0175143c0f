import { Failure } from './failure';

/** Runs a tool's main function; a failure becomes a message on standard error and an exit code. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  // The reader of the output may be gone, as with a closed terminal; there may still be something to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    await main();
  } catch (error) {
    const { message, stack, syscall } = error as NodeJS.ErrnoException;
    // A message of the operating system, such as "permission denied" with the path, needs no stack either.
    const text = error instanceof Failure || syscall !== undefined ? message : String(stack);
    process.stderr.write(`${text}\n`);
    process.exitCode = error instanceof Failure ? error.exitCode : 1;
  }
}
