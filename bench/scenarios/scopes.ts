import { formatCount, formatFigure, markdownTable } from '@rivulet/cli';
import { Fleet, type FleetRun } from '../load/fleet';
import type { FleetOrder } from '../load/fleet-messages';
import { cpuSecondsOf, cpuSecondsOfServer } from '../measure/process-cpu';
import { totalRowsRead } from '../measure/rows-read';
import { percentile, round } from '../measure/statistics';
import { startCentralWith, type RunningApp } from '../setup/bench-apps';
import type { BenchRun } from '../setup/bench-run';
import {
  createFleetSource,
  dropFleetSource,
  fleetDatasets,
  OWN_ROWS,
  STOCK_PER_SITE,
} from '../setup/fleet-source';
import { SteadyWriter } from '../load/steady-writer';

/** Devices that come at once, each with a connection of its own: all, as after an outage. */
const MOST_AT_ONCE = 2_000;
/** Devices that come one after the other. */
const CONNECTIONS = 64;
const UNCHANGED_ROUNDS = 5;
const WRITES_PER_SECOND = 50;
const POLL_EVERY_MS = 60_000;
const POLL_FOR_MS = 60_000;

/** No plan shows that this is one value, so every change of the table concerns every scope. */
const NOT_NARROWED = 'site_id BETWEEN :site_id AND :site_id';

interface PhaseFigures {
  /** Syncs. */
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers SERVER_BUSY. */
  refused: number;
  /** Manifests. */
  updates: number;
  seconds: number;
  /** Rows read in all tables of the data owner. */
  sourceRows: number;
  /** By the rows of one scope, without those that all scopes share. */
  sourceRowsRatio: number;
  centralCpuSeconds: number;
  postgresCpuSeconds: number;
}

/** Devices that each have a scope of their own. */
export interface ScopesResult {
  devices: number;
  firstSync: PhaseFigures;
  unchanged: PhaseFigures;
  oneScopeRow: PhaseFigures;
  sharedRow: PhaseFigures;
  steadyWrites: PhaseFigures;
  wholeTable: PhaseFigures;
  centralRssMiB: number;
}

export async function benchScopes(run: BenchRun): Promise<ScopesResult> {
  const { pool } = run.servers.central;
  run.log(`  making ${run.rows} rows of stock and ${run.devices} devices`);
  await createFleetSource(pool, run.rows, run.devices);
  const fleet = new Fleet(run.devices, run.cleanup);
  try {
    const watched = await benchWatched(run, fleet);
    const { wholeTable, centralRssMiB } = await benchWholeTable(run, fleet);
    return {
      devices: run.devices,
      ...watched,
      wholeTable,
      centralRssMiB: Math.max(watched.centralRssMiB, centralRssMiB),
    };
  } finally {
    await fleet.stop();
    await dropFleetSource(pool);
  }
}

async function benchWatched(
  run: BenchRun,
  fleet: Fleet,
): Promise<Omit<ScopesResult, 'devices' | 'wholeTable'>> {
  const { pool } = run.servers.central;
  const central = await startCentralWith(run, fleetDatasets());
  try {
    const phases = new Phases(run, fleet, central);
    const { devices } = run;
    const firstSync = await phases.measure('first sync', phases.allAtOnce, devices);
    const unchanged = await phases.measure('nothing changed', phases.rounds(UNCHANGED_ROUNDS), 0);
    await changeStock(pool);
    const oneScopeRow = await phases.measure('one row of one scope', phases.rounds(1), 1);
    await pool.query('UPDATE fleet_products SET price = price + 1 WHERE id = 1');
    const sharedRow = await phases.measure('one shared row', phases.rounds(1), devices);
    const writer = await SteadyWriter.start(run, WRITES_PER_SECOND, devices * STOCK_PER_SITE);
    const steadyWrites = await phases.measure('steady writes', phases.polling);
    await writer.stop();
    return {
      firstSync,
      unchanged,
      oneScopeRow,
      sharedRow,
      steadyWrites,
      centralRssMiB: round(central.peakRssMiB, 0),
    };
  } finally {
    await central.stop();
  }
}

/** A table whose changes all concern everyone: each device's rows are read again, and are what they were. */
async function benchWholeTable(
  run: BenchRun,
  fleet: Fleet,
): Promise<Pick<ScopesResult, 'wholeTable' | 'centralRssMiB'>> {
  const central = await startCentralWith(run, fleetDatasets(NOT_NARROWED));
  try {
    const phases = new Phases(run, fleet, central);
    await fleet.run({ ...phases.allAtOnce, centralUrl: central.url });
    await changeStock(run.servers.central.pool);
    const wholeTable = await phases.measure('whole table', phases.allAtOnce, 1);
    return { wholeTable, centralRssMiB: round(central.peakRssMiB, 0) };
  } finally {
    await central.stop();
  }
}

/** One row of the first device's site. */
async function changeStock(pool: BenchRun['servers']['central']['pool']): Promise<void> {
  await pool.query('UPDATE fleet_stock SET quantity = quantity + 1 WHERE id = 1');
}

class Phases {
  readonly allAtOnce: Omit<FleetOrder, 'centralUrl'>;
  readonly polling = {
    connections: CONNECTIONS,
    rounds: 0,
    everyMs: POLL_EVERY_MS,
    forMs: POLL_FOR_MS,
  };

  constructor(
    private readonly run: BenchRun,
    private readonly fleet: Fleet,
    private readonly central: RunningApp,
  ) {
    this.allAtOnce = { connections: Math.min(run.devices, MOST_AT_ONCE), rounds: 1 };
  }

  rounds(rounds: number): Omit<FleetOrder, 'centralUrl'> {
    return { connections: CONNECTIONS, rounds };
  }

  /** @throws unless as many manifests were issued as are expected */
  async measure(
    name: string,
    order: Omit<FleetOrder, 'centralUrl'>,
    expectedUpdates?: number,
  ): Promise<PhaseFigures> {
    const { pool } = this.run.servers.central;
    await this.run.servers.settle();
    const rowsBefore = await totalRowsRead(pool);
    const cpuBefore = await this.cpu();
    const result = await this.fleet.run({ ...order, centralUrl: this.central.url });
    const cpuAfter = await this.cpu();
    if (expectedUpdates !== undefined && result.updates !== expectedUpdates) {
      throw new Error(`${name}: ${result.updates} manifests instead of ${expectedUpdates}.`);
    }
    const sourceRows = (await totalRowsRead(pool)) - rowsBefore;
    const figures = figuresOf(result, sourceRows, cpuAfter.central - cpuBefore.central);
    const postgresCpuSeconds = round(cpuAfter.postgres - cpuBefore.postgres, 2);
    this.run.log(`  ${name}: ${JSON.stringify({ ...figures, postgresCpuSeconds })}`);
    return { ...figures, postgresCpuSeconds };
  }

  private async cpu(): Promise<{ central: number; postgres: number }> {
    const postgres = await cpuSecondsOfServer(this.run.servers.central.pool);
    return { central: cpuSecondsOf(this.central.pid), postgres };
  }
}

function figuresOf(
  { latencies, seconds, refused, updates }: FleetRun,
  sourceRows: number,
  centralCpuSeconds: number,
): Omit<PhaseFigures, 'postgresCpuSeconds'> {
  return {
    perSecond: round(latencies.length / seconds, 0),
    p50Ms: round(percentile(latencies, 0.5), 1),
    p99Ms: round(percentile(latencies, 0.99), 1),
    refused,
    updates,
    seconds: round(seconds, 2),
    sourceRows,
    sourceRowsRatio: round(sourceRows / OWN_ROWS, 1),
    centralCpuSeconds: round(centralCpuSeconds, 2),
  };
}

export function scopesTable(result: ScopesResult): string {
  const phases: [string, PhaseFigures][] = [
    ['first sync', result.firstSync],
    ['nothing changed', result.unchanged],
    ['one row of one scope changed', result.oneScopeRow],
    ['one shared row changed', result.sharedRow],
    [`${WRITES_PER_SECOND} writes a second, each device asks every minute`, result.steadyWrites],
    ['one row changed, no scope can be told from another', result.wholeTable],
  ];
  return [
    `### ${formatCount(result.devices)} devices, each with a scope of its own`,
    '',
    markdownTable(
      [
        'what',
        'syncs a second',
        'median ms',
        'p99 ms',
        'refused',
        'source rows',
        'by those of one scope',
        'CPU of central, s',
        'of PostgreSQL, s',
      ],
      phases.map(([what, figures]) => [
        what,
        formatCount(figures.perSecond),
        formatFigure(figures.p50Ms),
        formatFigure(figures.p99Ms),
        figures.refused,
        formatCount(figures.sourceRows),
        formatFigure(figures.sourceRowsRatio),
        formatFigure(figures.centralCpuSeconds),
        formatFigure(figures.postgresCpuSeconds),
      ]),
    ),
    '',
    `Peak memory of central: ${result.centralRssMiB} MiB.`,
  ].join('\n');
}
