import '@rivulet/node-version';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { onParentDeath } from '@rivulet/app-process';
import { cutLine, DEFAULT_WIDTH, escapeControls, terminalStyle } from '@rivulet/cli';
import { callCentral, findCentral, type Central } from '../central';
import { Failure, Refusal } from '../failure';
import { runMain } from '../run-main';
import { describeInLine, drawFleet } from './draw';
import { Screen } from './screen';
import type { FleetSummary } from './summary';

const USAGE = `Usage: npm run fleet [-- --once | --json] [--central URL] [--devices COUNT]
Shows how the fleet is, every two seconds until Ctrl-C. Without a terminal: a line when something has changed.
  --once     once
  --json     once, as central answers it: one JSON document, and nothing else (with npm run -s). Errors are sentences on
             standard error, with exit code 1
  --central  of a central that npm start does not run; set RIVULET_API_KEY to an API key of a viewer
  --devices  how many of the devices that need attention are named, 0 to 100; 20 unless it is said`;

const EVERY_MS = 2_000;

async function main(): Promise<void> {
  const over = new AbortController();
  onParentDeath(() => over.abort());
  // Nobody reads on, as with `| head`.
  process.stdout.on('error', () => over.abort());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => over.abort());
  const { once, json, central: url, devices = '20', help } = readOptions();
  if (help === true) return void process.stdout.write(`${USAGE}\n`);
  if (!/^(\d{1,2}|100)$/.test(devices))
    throw new Failure(`--devices takes a number from 0 to 100.\n${USAGE}`, 2);
  const central = findCentral(url);
  const read = (): Promise<FleetSummary> =>
    callCentral<FleetSummary>(central, `fleet/summary?devices=${Number(devices)}`);
  const first = await read();
  if (json === true) process.stdout.write(`${JSON.stringify(first, undefined, 2)}\n`);
  else if (once === true) print(drawFleet(first, central.url, { width: widthOf() }));
  else await follow(central, first, read, over.signal);
}

function readOptions() {
  const options = {
    once: { type: 'boolean' },
    json: { type: 'boolean' },
    central: { type: 'string' },
    devices: { type: 'string' },
    help: { type: 'boolean' },
  } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

/** A central that restarts is waited for: what was last known stays, with the reason above it. */
async function follow(
  central: Central,
  first: FleetSummary,
  read: () => Promise<FleetSummary>,
  signal: AbortSignal,
): Promise<void> {
  const screen = process.stdout.isTTY ? new Screen(process.stdout) : undefined;
  const show = screen === undefined ? showInLines() : showOn(screen, central.url);
  let last = first;
  try {
    show(last);
    while (await pause(signal)) {
      try {
        last = await read();
        show(last);
      } catch (error) {
        // Asked on with a password that has changed, central would throttle the address.
        if (!(error instanceof Failure) || error instanceof Refusal) throw error;
        show(last, error.message);
      }
    }
  } finally {
    screen?.end();
  }
}

type Show = (summary: FleetSummary, problem?: string) => void;

function showOn(screen: Screen, url: string): Show {
  const style = terminalStyle();
  return (summary, problem) => {
    const { columns: width, rows } = process.stdout;
    const height = Math.max(1, rows - (problem === undefined ? 1 : 2));
    const lines = drawFleet(summary, url, { width, height, style }).slice(0, height);
    screen.draw(
      problem === undefined ? lines : [style.bad(cutLine(escapeControls(problem), width)), ...lines],
    );
  };
}

/** Each line once. */
function showInLines(): Show {
  let before = '';
  return (summary, problem) => {
    const line = describeInLine(summary);
    const text = problem ?? line.slice(line.indexOf(' '));
    // The lag of a device grows all the time.
    const essence = text.replace(/ · worst lag [^:]+:/, '');
    if (essence !== before) process.stdout.write(`${problem ?? line}\n`);
    before = essence;
  };
}

/** @returns whether it goes on */
async function pause(signal: AbortSignal): Promise<boolean> {
  await delay(EVERY_MS, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}

function print(lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function widthOf(): number {
  return process.stdout.isTTY ? process.stdout.columns : DEFAULT_WIDTH;
}

void runMain(main);
