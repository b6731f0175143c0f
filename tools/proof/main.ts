import '@rivulet/node-version';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { onParentDeath } from '@rivulet/app-process';
import { formatCount, formatTable } from '@rivulet/cli';
import { verifyProof, type DeviceProof, type ProvedRows } from '@rivulet/signatures';
import { Failure } from '../failure';
import { runMain } from '../run-main';
import { fetchProof } from './fetch-proof';
import { verifyReceipts } from './verify-receipts';

const USAGE = `Usage: npm run proof -- --device <id or MAC address> [--central URL] [--key THUMBPRINT] [--out FILE]
       npm run proof -- --file FILE [--key THUMBPRINT]
       npm run proof -- --receipts FILE [--key THUMBPRINT]
For a central that npm start does not run, set RIVULET_API_KEY to an API key of an operator.`;

const OPTIONS = {
  device: { type: 'string' },
  central: { type: 'string' },
  file: { type: 'string' },
  receipts: { type: 'string' },
  out: { type: 'string' },
  key: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** `npm run proof`: which rows a device held, or central has committed, by what they have signed. */
async function main(): Promise<void> {
  onParentDeath(() => process.exit(1));
  const { device, central, file, receipts, out, key, help } = readOptions();
  if (help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  if ([device, file, receipts].filter((value) => value !== undefined).length !== 1)
    throw new Failure(`Say one of --device, --file and --receipts.\n${USAGE}`, 2);
  if (receipts !== undefined) {
    process.stdout.write(await verifyReceipts(readText(receipts), key));
    return;
  }
  const proof = file === undefined ? await fetchProof(device!, central) : readProof(file);
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(proof, null, 2)}\n`);
  process.stdout.write(describe(await verify(proof, key), key));
}

function readOptions() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

function readProof(file: string): DeviceProof {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as DeviceProof;
  } catch (error) {
    throw new Failure(`${file} has no proof: ${(error as Error).message}.`);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${(error as Error).message}.`);
  }
}

/** Asks nobody. @throws Failure */
async function verify(proof: DeviceProof, key: string | undefined): Promise<ProvedRows> {
  const proved = await verifyProof(proof).catch((error: unknown) => {
    throw new Failure((error as Error).message);
  });
  if (key === undefined || proved.centralKeys.includes(key)) return proved;
  throw new Failure(`The proof is signed by the key ${proved.centralKey} of a central, not by ${key}.`);
}

function describe(
  { deviceId, macAddress, centralKey, deviceKey, manifest, finishedAt }: ProvedRows,
  key?: string,
): string {
  const rows = manifest.tables.map(({ name, rows: count, checksum }) => [name, formatCount(count), checksum]);
  const known = key === undefined ? 'compare it with what you know of central' : 'as expected';
  return [
    'The proof holds.',
    `  device    ${deviceId}, ${macAddress}, by its key ${deviceKey}`,
    `  central   by its key ${centralKey}: ${known}`,
    `  manifest  ${manifest.manifestId}, number ${manifest.epoch}/${manifest.sequence}, issued at ${manifest.issuedAt}`,
    `  applied   at ${finishedAt} by the device's clock; these rows were read back from its database:`,
    '',
    ...formatTable([['table', 'rows', 'checksum'], ...rows], { alignments: '<><' }).map(
      (line) => `  ${line}`,
    ),
    '',
  ].join('\n');
}

void runMain(main);
