import '@rivulet/node-version';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { onParentDeath } from '@rivulet/app-process';
import { createDevices } from './setup/bench-devices';
import { BenchServers } from './setup/bench-servers';
import { Cleanup } from './setup/cleanup';
import { benchCollect, collectTable } from './scenarios/collect';
import { benchConfiguration, configurationTable } from './scenarios/configuration';
import { benchDatasets, datasetsTable } from './scenarios/datasets';
import { benchDelta, deltaTable } from './scenarios/delta';
import { benchFanout, fanoutTable } from './scenarios/fanout';
import { benchFull, fullTable } from './scenarios/full';
import { describeMachine, machineLine } from './measure/machine';
import { benchLive, liveTable } from './scenarios/live';
import { benchNoop, noopTable } from './scenarios/noop';
import { parseOptions, USAGE, type BenchOptions, type ScenarioName } from './options';
import { benchReaders, readersTable } from './scenarios/readers';
import { benchScopes, scopesTable } from './scenarios/scopes';
import { benchWriters, writersTable } from './scenarios/writers';
import type { BenchRun } from './setup/bench-run';
import { benchRealtime, realtimeTable } from './scenarios/realtime';
import { benchStore, storeTable } from './scenarios/store';
import { createSourceRows } from './setup/source-rows';

interface Report {
  result: object;
  table: string;
}

const scenarios: Record<ScenarioName, (run: BenchRun) => Promise<Report>> = {
  full: reporting(benchFull, fullTable),
  delta: reporting(benchDelta, deltaTable),
  noop: reporting(benchNoop, noopTable),
  readers: reporting(benchReaders, readersTable),
  fanout: reporting(benchFanout, fanoutTable),
  scopes: reporting(benchScopes, scopesTable),
  writers: reporting(benchWriters, writersTable),
  store: reporting(benchStore, storeTable),
  realtime: reporting(benchRealtime, realtimeTable),
  live: reporting(benchLive, liveTable),
  collect: reporting(benchCollect, collectTable),
  configuration: reporting(benchConfiguration, configurationTable),
  datasets: reporting(benchDatasets, datasetsTable),
};

const hasRowsOfItsOwn = new Set<ScenarioName>([
  'fanout',
  'scopes',
  'writers',
  'store',
  'realtime',
  'live',
  'configuration',
  'datasets',
]);

function reporting<Result extends object>(
  bench: (run: BenchRun) => Promise<Result>,
  table: (result: Result) => string,
): (run: BenchRun) => Promise<Report> {
  return async (run) => {
    const result = await bench(run);
    return { result, table: table(result) };
  };
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function runScenarios(options: BenchOptions, cleanup: Cleanup): Promise<void> {
  const servers = await BenchServers.start(cleanup);
  await createDevices(servers.central.pool);
  if (options.scenarios.some((name) => !hasRowsOfItsOwn.has(name))) {
    log(`Making ${options.rows} rows`);
    await createSourceRows(servers.central.pool, 'bench_rows', options.rows);
  }
  const run: BenchRun = { servers, cleanup, log, ...options };
  const machine = await describeMachine(servers);
  process.stdout.write(`## Benchmark\n\n${machineLine(machine)}\n\n`);
  const report: Record<string, unknown> = {
    startedAt: new Date().toISOString(),
    rows: options.rows,
    machine,
  };
  for (const name of options.scenarios) {
    log(`Scenario ${name}`);
    const { result, table } = await scenarios[name](run);
    process.stdout.write(`${table}\n\n`);
    report[name] = result;
    // After each one: a scenario that fails later takes nothing away.
    if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report, null, 2)}\n`);
  }
}

async function main(): Promise<void> {
  let options: BenchOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const cleanup = new Cleanup();
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    await cleanup.run();
    process.exit(128 + constants.signals[signal]);
  };
  // Not once: Ctrl-C comes from the terminal, and again from npm's script.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal));
  onParentDeath(() => void stop('SIGTERM'));
  try {
    await runScenarios(options, cleanup);
  } catch (error) {
    // After a signal the cleanup takes away what the scenario needs, which then fails.
    if (!cleanup.hasBegun) process.stderr.write(`${(error as Error).stack}\n`);
    process.exitCode = 1;
  }
  await cleanup.run();
}

void main();
