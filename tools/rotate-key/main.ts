import '@rivulet/node-version';
import { parseArgs } from 'node:util';
import { onParentDeath } from '@rivulet/app-process';
import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from '#scripts/runtime-file.mjs';
import { Failure } from '../failure';
import { runMain } from '../run-main';

const USAGE = 'Usage: npm run edge:rotate-key [-- --edge URL]';
/** Longer than the edge tries. */
const TIMEOUT_MS = 120_000;

interface Answer {
  deviceId: string;
  keyThumbprint: string;
  replacedThumbprint: string;
  detail?: string;
  nextStep?: string;
}

/** `npm run edge:rotate-key`: has the edge on this machine replace its key. */
async function main(): Promise<void> {
  onParentDeath(() => process.exit(1));
  const { edge, help } = readOptions();
  if (help === true) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const { deviceId, keyThumbprint, replacedThumbprint } = await rotate(edge ?? findEdge());
  process.stdout.write(`Device ${deviceId} has a new key.\n`);
  process.stdout.write(`  now     ${keyThumbprint}\n  before  ${replacedThumbprint}, retired at central\n`);
}

function readOptions() {
  try {
    return parseArgs({ options: { edge: { type: 'string' }, help: { type: 'boolean' } } }).values;
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

function findEdge(): string {
  const runtime = readRuntimeFile(systemRuntimeFile) ?? readRuntimeFile(appRuntimeFile('edge'));
  if (runtime?.edgeUrl !== undefined) return runtime.edgeUrl;
  throw new Failure(
    'No edge is running here: start it with npm start in another terminal, or name it with --edge.',
  );
}

async function rotate(url: string): Promise<Answer> {
  const request = { method: 'POST', signal: AbortSignal.timeout(TIMEOUT_MS) };
  const response = await fetch(`${url}/api/identity/rotate-key`, request).catch((error: unknown) => {
    throw new Failure(`The edge at ${url} does not answer: ${(error as Error).message}.`);
  });
  const answer = (await response.json()) as Answer;
  if (response.ok) return answer;
  const { detail = `HTTP status ${response.status}`, nextStep = '' } = answer;
  throw new Failure(`The key was not replaced: ${detail} ${nextStep}`.trim());
}

void runMain(main);
