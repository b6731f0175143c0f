import '@rivulet/node-version';
import { onParentDeath } from '@rivulet/app-process';
import { runTool } from './run-tool';

async function main(): Promise<void> {
  // The reader of the output may exit early, as in `| head`.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  onParentDeath(() => process.exit(1));
  process.exitCode = await runTool(process.argv.slice(2), {
    environment: process.env,
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    progressOutput: process.stderr,
    width: process.stdout.isTTY ? process.stdout.columns : undefined,
  });
}

void main();
