import '@rivulet/node-version';
import { parseArgs } from 'node:util';
import { onParentDeath } from '@rivulet/app-process';
import { DEFAULT_WIDTH } from '@rivulet/cli';
import { Failure } from '../failure';
import { runMain } from '../run-main';
import { describeEdge } from './describe-edge';
import { findEdge, readEdge } from './edge';

const USAGE = `Usage: npm run edge:status [-- --json] [--edge URL]
Shows the last cycle of the edge on this machine, what is proved, the lag, the live connection, the next sync and the mirrors.
  --json  the same as JSON
  --edge  where it is; of another machine it wants EDGE_API_TOKEN in the environment`;

/** `npm run edge:status`. The exit code is 1 when the edge does not answer, not when a sync has failed. */
async function main(): Promise<void> {
  onParentDeath(() => process.exit(1));
  const { json, edge, help } = readOptions();
  if (help === true) return void process.stdout.write(`${USAGE}\n`);
  const report = await readEdge(findEdge(edge));
  const width = process.stdout.isTTY ? process.stdout.columns : DEFAULT_WIDTH;
  const text =
    json === true ? JSON.stringify(report, undefined, 2) : describeEdge(report, { width }).join('\n');
  process.stdout.write(`${text}\n`);
}

function readOptions() {
  const options = { json: { type: 'boolean' }, edge: { type: 'string' }, help: { type: 'boolean' } } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

void runMain(main);
