import { parseArgs } from 'node:util';

const scenarioNames = [
  'full',
  'delta',
  'noop',
  'readers',
  'fanout',
  'scopes',
  'writers',
  'store',
  'realtime',
  'live',
  'collect',
  'configuration',
  'datasets',
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export interface BenchOptions {
  scenarios: ScenarioName[];
  rows: number;
  /** Rounds of a scenario; medians are reported. */
  repeat: number;
  /** For the scenario `scopes`, each with a scope of its own. */
  devices: number;
  /** For the scenario `live`: devices that sync when they are nudged, and others that only wait. */
  liveDevices: number;
  /** Clients of the scenario `realtime`, too. */
  idle: number;
  /** Whether logical replication and JSON with INSERT run too. The raw COPY pipe always does. */
  peers: boolean;
  /** Commits of the scenario `store`. */
  commits: number;
  /** File for the JSON. */
  out: string | undefined;
}

export const USAGE = `npm run bench -- [--only ${scenarioNames.join(',')}] [--rows N] [--quick] [--repeat N]
                 [--devices N] [--live-devices N] [--idle N] [--commits N] [--without-peers] [--out FILE]

  --only           scenarios, with commas between them; all of them by default
  --rows           rows of the source, 1,000,000 by default, at least 10,000
  --quick          200,000 rows
  --repeat         rounds of which the median is taken, 3 by default
  --devices        devices of the scenario scopes, 2,000 by default, at most 10,000 and a hundredth of the rows
  --live-devices   connected devices of the scenarios live and configuration, 1,000 by default, at most 10,000
  --idle           idle devices of these, and clients of the scenario realtime, 10,000 by default
  --commits        small commits of the scenario store, 10,000 by default
  --without-peers  no logical replication, no JSON with INSERT: for the memory that 10,000,000 rows need
  --out            writes the figures to this file, as JSON
`;

const DEFAULT_ROWS = 1_000_000;
const QUICK_ROWS = 200_000;
const MIN_ROWS = 10_000;
const MAX_DEVICES = 10_000;
/** Each device has a site of its own with as many rows of stock. */
const ROWS_PER_DEVICE = 100;

/** @throws with a sentence about what is wrong */
export function parseOptions(args: string[]): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: scenarioNames.join(',') },
      rows: { type: 'string' },
      quick: { type: 'boolean', default: false },
      repeat: { type: 'string', default: '3' },
      devices: { type: 'string', default: '2000' },
      'live-devices': { type: 'string', default: '1000' },
      idle: { type: 'string', default: '10000' },
      commits: { type: 'string', default: '10000' },
      'without-peers': { type: 'boolean', default: false },
      out: { type: 'string' },
    },
  });
  const rows = parseCount(
    '--rows',
    values.rows ?? String(values.quick ? QUICK_ROWS : DEFAULT_ROWS),
    MIN_ROWS,
  );
  return {
    scenarios: parseScenarios(values.only),
    rows,
    devices: Math.min(parseCount('--devices', values.devices, 2), MAX_DEVICES, rows / ROWS_PER_DEVICE),
    liveDevices: Math.min(parseCount('--live-devices', values['live-devices'], 2), MAX_DEVICES),
    idle: parseCount('--idle', values.idle, 1),
    repeat: parseCount('--repeat', values.repeat, 1),
    commits: parseCount('--commits', values.commits, 100),
    peers: !values['without-peers'],
    out: values.out,
  };
}

function parseScenarios(list: string): ScenarioName[] {
  const asked = list.split(',');
  const unknown = asked.filter((name) => !scenarioNames.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`There is no scenario "${unknown[0]}".`);
  return scenarioNames.filter((name) => asked.includes(name));
}

function parseCount(option: string, text: string, min: number): number {
  const count = Number(text.replaceAll(/[_,]/g, ''));
  if (!Number.isInteger(count) || count < min) throw new Error(`${option} is not a number from ${min} on.`);
  return count;
}
