import '@rivulet/node-version';
import { parseArgs } from 'node:util';
import { onParentDeath } from '@rivulet/app-process';
import { callCentral, findCentral, type Central } from '../central';
import { Failure } from '../failure';
import { runMain } from '../run-main';

const USAGE = `Usage: npm run central:rotate-key [-- --central URL]
       npm run central:restored [-- --above EPOCH] [--central URL]`;

/** `npm run central:rotate-key` and `npm run central:restored`: what an operator tells central. */
async function main(): Promise<void> {
  onParentDeath(() => process.exit(1));
  const { command, central, above, help } = readArguments();
  if (help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const found = findCentral(central);
  if (command === 'rotate-key') process.stdout.write(await rotateKey(found));
  else if (command === 'restored') process.stdout.write(await tellRestored(found, above));
  else throw new Failure(USAGE, 2);
}

function readArguments() {
  const options = {
    central: { type: 'string' },
    above: { type: 'string' },
    help: { type: 'boolean' },
  } as const;
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    return { ...values, command: positionals[0] };
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

async function rotateKey(central: Central): Promise<string> {
  const { before, thumbprint, epoch } = await callCentral<{
    before: string;
    thumbprint: string;
    epoch: number;
  }>(central, 'operators/signing-keys/rotate', {});
  return (
    `Central signs with a new key; edges follow by themselves.\n` +
    `  now     ${thumbprint}\n  before  ${before}\n  epoch   ${epoch}\nBack up central's database now.\n`
  );
}

async function tellRestored(central: Central, above: string | undefined): Promise<string> {
  const body = above === undefined ? {} : { above: Number(above) };
  const { before, epoch, released } = await callCentral<{ before: number; epoch: number; released: number }>(
    central,
    'operators/restore',
    body,
  );
  return `The epoch rose from ${before} to ${epoch}. Devices that were refused, and are served again: ${released}.\n`;
}

void runMain(main);
