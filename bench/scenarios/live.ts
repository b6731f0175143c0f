import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { formatCount, formatFigure, markdownTable } from '@rivulet/cli';
import { LiveFleet } from '../load/live-fleet';
import { cpuSecondsOf, cpuSecondsOfServer } from '../measure/process-cpu';
import { percentile, round } from '../measure/statistics';
import { adminAuthorization, startCentralWith, type RunningApp } from '../setup/bench-apps';
import type { BenchRun } from '../setup/bench-run';
import {
  createFleetSource,
  dropFleetSource,
  fleetDatasets,
  fleetMacAddress,
  STOCK_PER_SITE,
} from '../setup/fleet-source';

const CHANGES_OF_ONE = 100;
const CHANGES_OF_ALL = 5;
const PAUSE_MS = 300;
/** After a change that concerned all, and its nudges. */
const SETTLE_MS = 3_000;
const IDLE_SETTLE_MS = 35_000;
const IDLE_FOR_MS = 60_000;

interface ProofFigures {
  changes: number;
  p50Ms: number;
  p99Ms: number;
}

export interface LiveResult {
  devices: number;
  /** From before the commit until the device has acknowledged, for a change that concerns it alone. */
  one: ProofFigures;
  /** The same for a change that concerns all devices. */
  all: ProofFigures;
  /** CPU of a change that concerns all, for each device: of central, and of PostgreSQL. */
  centralCpuMsEach: number;
  postgresCpuMsEach: number;
  /** How long GET /api/fleet/summary takes meanwhile, in milliseconds. */
  summaryMs: number;
  idle: number;
  idleRssMiB: number;
  /** Share of one core, at a beat every 30 seconds. */
  idleCpuPercent: number;
  idleSummaryMs: number;
}

/** Connected devices: how soon a change is proved by those that it concerns, and what those cost that only wait. */
export async function benchLive(run: BenchRun): Promise<LiveResult> {
  const { pool } = run.servers.central;
  const devices = Math.max(2, run.liveDevices);
  await createFleetSource(pool, Math.max(run.idle, devices) * STOCK_PER_SITE, Math.max(run.idle, devices));
  try {
    const proofs = await benchProofs(run, devices);
    run.log(`  ${JSON.stringify(proofs)}`);
    return { devices, ...proofs, ...(await benchIdle(run)) };
  } finally {
    await dropFleetSource(pool);
  }
}

async function benchProofs(
  run: BenchRun,
  count: number,
): Promise<Pick<LiveResult, 'one' | 'all' | 'centralCpuMsEach' | 'postgresCpuMsEach' | 'summaryMs'>> {
  const { pool } = run.servers.central;
  const central = await startLiveCentral(run, '5s');
  const fleet = new LiveFleet(run.cleanup);
  try {
    run.log(`  connecting ${count} devices`);
    await fleet.open({ centralUrl: central.url, count, isSyncing: true });
    await delay(SETTLE_MS);
    const ofOne: number[] = [];
    for (let change = 0; change < CHANGES_OF_ONE; change++) {
      const device = 1 + ((change * 7919) % count);
      const atMs = Date.now();
      await pool.query('UPDATE fleet_stock SET quantity = quantity + 1 WHERE id = $1', [
        (device - 1) * STOCK_PER_SITE + 1,
      ]);
      const [proof] = await fleet.proofs(1);
      if (proof!.device !== device) throw new Error(`Device ${proof!.device} has synced for ${device}.`);
      ofOne.push(proof!.provedAtMs - atMs);
      await delay(PAUSE_MS * Math.random());
    }
    const ofAll: number[] = [];
    const before = [cpuSecondsOf(central.pid), await cpuSecondsOfServer(pool)] as const;
    for (let change = 0; change < CHANGES_OF_ALL; change++) {
      const atMs = Date.now();
      await pool.query('UPDATE fleet_products SET price = price + 1 WHERE id = 1');
      ofAll.push(...(await fleet.proofs(count)).map(({ provedAtMs }) => provedAtMs - atMs));
      await delay(SETTLE_MS);
    }
    const msEach = (seconds: number): number => round((seconds * 1_000) / (CHANGES_OF_ALL * count), 2);
    return {
      centralCpuMsEach: msEach(cpuSecondsOf(central.pid) - before[0]),
      postgresCpuMsEach: msEach((await cpuSecondsOfServer(pool)) - before[1]),
      one: figuresOf(ofOne, CHANGES_OF_ONE),
      all: figuresOf(ofAll, CHANGES_OF_ALL),
      summaryMs: await summaryMs(central.url),
    };
  } finally {
    await fleet.stop();
    await central.stop();
  }
}

async function benchIdle(
  run: BenchRun,
): Promise<Pick<LiveResult, 'idle' | 'idleRssMiB' | 'idleCpuPercent' | 'idleSummaryMs'>> {
  const { pool } = run.servers.central;
  const central = await startLiveCentral(run, '30s');
  const fleet = new LiveFleet(run.cleanup);
  try {
    await registerAll(run, run.idle);
    run.log(`  connecting ${run.idle} devices that wait`);
    await fleet.open({ centralUrl: central.url, count: run.idle, isSyncing: false });
    await pool.query('ANALYZE');
    await delay(IDLE_SETTLE_MS);
    const before = cpuSecondsOf(central.pid);
    await delay(IDLE_FOR_MS);
    const cpuSeconds = cpuSecondsOf(central.pid) - before;
    return {
      idle: run.idle,
      idleRssMiB: round(rssMiB(central.pid), 0),
      idleCpuPercent: round((100 * cpuSeconds * 1_000) / IDLE_FOR_MS, 1),
      idleSummaryMs: await summaryMs(central.url),
    };
  } finally {
    await fleet.stop();
    await central.stop();
  }
}

function startLiveCentral(run: BenchRun, heartbeat: string): Promise<RunningApp> {
  return startCentralWith(run, fleetDatasets(), {
    CENTRAL_HEARTBEAT_INTERVAL: heartbeat,
    CENTRAL_MAX_AGENTS: '100000',
  });
}

/** As their first sync would do. */
async function registerAll({ servers }: BenchRun, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  await servers.central.pool.query(
    `INSERT INTO rivulet.devices (device_id, name, mac_address, kind, status)
     SELECT upper(lpad(to_hex(n), 26, '0')), 'edge ' || mac, mac, 'edge', 'active' FROM unnest($1::int[], $2::text[]) AS _ (n, mac)
     ON CONFLICT (mac_address) DO NOTHING`,
    [numbers, numbers.map(fleetMacAddress)],
  );
}

/** The median of a few, each after what is kept for a second. */
async function summaryMs(url: string): Promise<number> {
  const took: number[] = [];
  for (let time = 0; time < 7; time++) {
    await delay(1_100);
    const start = performance.now();
    const response = await fetch(`${url}/api/fleet/summary`, {
      headers: { authorization: adminAuthorization },
    });
    if (!response.ok) throw new Error(`The summary was answered with ${response.status}.`);
    await response.json();
    took.push(performance.now() - start);
  }
  return round(percentile(took, 0.5), 0);
}

function figuresOf(latencies: number[], changes: number): ProofFigures {
  return {
    changes,
    p50Ms: round(percentile(latencies, 0.5), 0),
    p99Ms: round(percentile(latencies, 0.99), 0),
  };
}

function rssMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1_024;
}

export function liveTable(result: LiveResult): string {
  const connected = formatCount(result.devices);
  return [
    `### ${connected} connected devices, and ${formatCount(result.idle)} that wait`,
    '',
    markdownTable(
      ['live', 'goal', 'figure'],
      [
        ['commit → proved, a change of one device: median / p99 ms', '≤ 1,000', describeProofs(result.one)],
        [
          `commit → proved, a change of all ${connected}: median / p99 ms`,
          '≤ 5,000',
          describeProofs(result.all),
        ],
        [
          'CPU for each proof of that: central · PostgreSQL, ms',
          '',
          `${formatFigure(result.centralCpuMsEach)} · ${formatFigure(result.postgresCpuMsEach)}`,
        ],
        [`summary of ${connected}, ms`, '≤ 100', formatCount(result.summaryMs)],
        [
          `memory of central with ${formatCount(result.idle)} idle, MiB`,
          '≤ 512',
          formatCount(result.idleRssMiB),
        ],
        ['its CPU at a beat every 30 s, % of a core', '≤ 10', formatFigure(result.idleCpuPercent)],
        [`summary of ${formatCount(result.idle)}, ms`, '≤ 100', formatCount(result.idleSummaryMs)],
      ],
    ),
  ].join('\n');
}

function describeProofs({ p50Ms, p99Ms }: ProofFigures): string {
  return `${formatCount(p50Ms)} / ${formatCount(p99Ms)}`;
}
