import { setTimeout as delay } from 'node:timers/promises';
import { openBus } from '@rivulet/bus';
import { formatCount, markdownTable } from '@rivulet/cli';
import { CONFIGURATIONS_TOPIC, DEVICE_MAC_HEADER } from '@rivulet/protocol';
import { startNats, startRedis, type BusServer } from '@rivulet/testing';
import { ConfigurationAgent } from '../load/configuration-agent';
import { startHttpLoad, type HttpLoad, type HttpLoadResult } from '../load/http-load';
import { LiveDevice } from '../load/live-device';
import { cpuSecondsOf } from '../measure/process-cpu';
import { median, percentile, round } from '../measure/statistics';
import { adminAuthorization, startCentralWith, type RunningApp } from '../setup/bench-apps';
import type { BenchRun } from '../setup/bench-run';
import { fleetMacAddress } from '../setup/fleet-source';

const strategies = ['LIVE', 'REDIS', 'NATS', 'POLLER'] as const;
type Strategy = (typeof strategies)[number];

const VERSIONS = 5;
/** The interval of POLLER in this run. */
const INTERVAL_SECONDS = 5;
const IDLE_INTERVAL_SECONDS = 30;
const IDLE_FOR_MS = 60_000;
const WARM_UP_MS = 2_000;
const MEASURED_MS = 8_000;
const CONNECTIONS = 32;
/** Devices that wait for their answers at the same time. */
const REPORT_CONNECTIONS = 100;
const PAGES = 20;
const AT_ONCE = 50;

interface Announced {
  strategy: Strategy;
  medianMs: number;
  longestMs: number;
}

export interface ConfigurationResult {
  agents: number;
  /** From before POST until the last agent has reported it as applied. */
  announced: Announced[];
  idle: number;
  /** Share of one core. */
  idleCpuPercent: number;
  unchangedPerSecond: number;
  unchangedP99Ms: number;
  unchangedCpuMicroseconds: number;
  /** Reports of what became of a version, each of another device. */
  reportsPerSecond: number;
  /** The page of a rollout to all idle devices. */
  pageMedianMs: number;
}

/** How soon all agents have a new version, and what those cost that ask in vain. */
export async function benchConfiguration(run: BenchRun): Promise<ConfigurationResult> {
  const agents = run.liveDevices;
  const announced: Announced[] = [];
  for (const strategy of strategies) {
    announced.push(await benchStrategy(run, strategy, agents));
    run.log(`  ${JSON.stringify(announced.at(-1))}`);
  }
  return { agents, announced, ...(await benchUnchanged(run)) };
}

async function benchStrategy(run: BenchRun, strategy: Strategy, count: number): Promise<Announced> {
  const bus = await startBus(strategy);
  const stopBus = run.cleanup.add(async () => bus?.stop());
  const central = await startConfigurationCentral(run, bus?.url);
  const fleet: ConfigurationAgent[] = [];
  const closers: (() => Promise<unknown>)[] = [];
  let applied = new Map<number, number>();
  try {
    await registerAll(run, count);
    const onApplied = (version: number): void => {
      applied.set(version, (applied.get(version) ?? 0) + 1);
    };
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    await eachOf(numbers, async (number) => {
      const who = { macAddress: fleetMacAddress(number), localAddress: addressOf(number) };
      const agent = await ConfigurationAgent.connect(central.url, who, onApplied);
      fleet.push(agent);
      closers.push(await listen(strategy, agent, central, who, bus));
    });
    const times: number[] = [];
    for (let time = 0; time <= VERSIONS; time++) {
      applied = new Map();
      const startMs = performance.now();
      const version = await publish(central, { n: time }, INTERVAL_SECONDS);
      while ((applied.get(version) ?? 0) < count) await delay(2);
      // The first is the first of all: agents and central are cold.
      if (time > 0) times.push(performance.now() - startMs);
      await delay(1_000 * Math.random());
    }
    return { strategy, medianMs: round(median(times), 0), longestMs: round(Math.max(...times), 0) };
  } finally {
    for (const close of closers) await close();
    for (const agent of fleet) agent.close();
    await central.stop();
    await stopBus();
  }
}

/** @returns what ends it */
async function listen(
  strategy: Strategy,
  agent: ConfigurationAgent,
  central: RunningApp,
  who: { macAddress: string; localAddress: string },
  bus: BusServer | undefined,
): Promise<() => Promise<unknown>> {
  const ask = (): void => void agent.ask();
  if (strategy === 'LIVE') {
    await LiveDevice.connect(central.url, who, ask);
    return async () => undefined;
  }
  if (bus === undefined) {
    const everyMs = INTERVAL_SECONDS * 1_000;
    let timer = setTimeout(() => (timer = setInterval(ask, everyMs)), everyMs * Math.random());
    return async () => clearInterval(timer);
  }
  const client = await openBus({ url: bus.url, databaseUrl: '' });
  await client.subscribe(`${CONFIGURATIONS_TOPIC}.default`, ask);
  while (!client.state.isConnected) await delay(5);
  return () => client.close();
}

async function benchUnchanged(run: BenchRun): Promise<Omit<ConfigurationResult, 'agents' | 'announced'>> {
  const central = await startConfigurationCentral(run);
  try {
    await registerAll(run, run.idle);
    const version = await publish(central, { idle: true }, IDLE_INTERVAL_SECONDS);
    const numbers = Array.from({ length: run.idle }, (_, index) => index + 1);
    const requests = numbers.map((number) => ({
      method: 'GET' as const,
      path: '/api/v1/config',
      headers: { [DEVICE_MAC_HEADER]: fleetMacAddress(number), 'if-none-match': `"${version}"` },
      body: '',
    }));
    const load = { url: central.url, requests, expected: '', status: 304, connections: CONNECTIONS };
    run.log(`  ${run.idle} agents that poll every ${IDLE_INTERVAL_SECONDS} s`);
    // Each has asked once: central knows them all.
    await measure({ ...load, perSecond: run.idle / 5 }, 6_000);
    const idle = await measured(
      central,
      { ...load, perSecond: run.idle / IDLE_INTERVAL_SECONDS },
      IDLE_FOR_MS,
    );
    await measure(load, WARM_UP_MS);
    const full = await measured(central, load, MEASURED_MS);
    const reports = await measured(central, reportsOf(load, version), MEASURED_MS);
    return {
      reportsPerSecond: round(reports.answers / reports.seconds, 0),
      pageMedianMs: round(await timePage(central), 0),
      idle: run.idle,
      idleCpuPercent: round((100 * idle.cpuSeconds) / idle.seconds, 1),
      unchangedPerSecond: round(full.answers / full.seconds, 0),
      unchangedP99Ms: round(percentile(full.latencies, 0.99), 2),
      unchangedCpuMicroseconds: round((1e6 * full.cpuSeconds) / full.answers, 0),
    };
  } finally {
    await central.stop();
  }
}

function reportsOf(load: HttpLoad, version: number): HttpLoad {
  const body = JSON.stringify({ version, status: 'APPLIED' });
  const requests = load.requests.map(({ headers: { [DEVICE_MAC_HEADER]: mac = '' } }) => ({
    method: 'POST' as const,
    path: '/api/v1/config/status',
    headers: { [DEVICE_MAC_HEADER]: mac, 'content-type': 'application/json' },
    body,
  }));
  return { ...load, requests, expected: 'accepted', status: 200, connections: REPORT_CONNECTIONS };
}

/** In the middle of a rollout: its first stage waits for devices. */
async function timePage(central: RunningApp): Promise<number> {
  await operate(central, 'POST', '/api/configurations/default/versions', { data: {}, release: false });
  const begun = await operate<{ rolloutId: string }>(
    central,
    'POST',
    '/api/configurations/default/rollouts',
    {},
  );
  const times: number[] = [];
  for (let time = 0; time < PAGES; time++) {
    const startMs = performance.now();
    await operate(central, 'GET', `/api/rollouts/${begun.rolloutId}`);
    times.push(performance.now() - startMs);
  }
  return median(times);
}

async function measured(
  central: RunningApp,
  load: HttpLoad,
  forMs: number,
): Promise<HttpLoadResult & { cpuSeconds: number }> {
  const before = cpuSecondsOf(central.pid);
  const result = await measure(load, forMs);
  const refused = Object.keys(result.refused).length;
  if (refused > 0) throw new Error(`Central refused requests: ${JSON.stringify(result.refused)}`);
  return { ...result, cpuSeconds: cpuSecondsOf(central.pid) - before };
}

async function measure(load: HttpLoad, forMs: number): Promise<HttpLoadResult> {
  const thread = await startHttpLoad(load);
  await delay(forMs);
  return thread.stop();
}

function startBus(strategy: Strategy): Promise<BusServer | undefined> {
  if (strategy === 'REDIS') return startRedis();
  return strategy === 'NATS' ? startNats() : Promise.resolve(undefined);
}

function startConfigurationCentral(run: BenchRun, busUrl?: string): Promise<RunningApp> {
  return startCentralWith(run, DATASETS, {
    CENTRAL_CONFIGURATION_POLL_INTERVAL_MIN: '1s',
    CENTRAL_MAX_AGENTS: '100000',
    ...(busUrl !== undefined && { CENTRAL_BUS_URL: busUrl }),
  });
}

const DATASETS = `
version: 1
scope:
  query: SELECT device_id FROM bench_devices WHERE mac_address = :mac_address
datasets:
  - name: bench_mirror
    key: [device_id]
    query: SELECT device_id, mac_address FROM bench_devices
`;

async function publish(central: RunningApp, data: object, intervalSeconds: number): Promise<number> {
  const path = `/api/v1/config?poll_interval=${intervalSeconds}`;
  return (await operate<{ version: number }>(central, 'POST', path, data)).version;
}

async function operate<T>({ url }: RunningApp, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: adminAuthorization,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as T;
  if (!response.ok) throw new Error(`Central refused ${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
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

/** Central takes but so many connections from one address. */
function addressOf(number: number): string {
  return `127.0.${1 + Math.floor(number / 200)}.1`;
}

async function eachOf(numbers: number[], work: (number: number) => Promise<void>): Promise<void> {
  const waiting = [...numbers];
  const run = async (): Promise<void> => {
    for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) await work(number);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

export function configurationTable(result: ConfigurationResult): string {
  const { agents, announced, idle, idleCpuPercent } = result;
  const rows = announced.map(({ strategy, medianMs, longestMs }) => [
    strategy === 'POLLER' ? `POLLER, ${INTERVAL_SECONDS} s` : strategy,
    `${formatCount(medianMs)} ms`,
    `${formatCount(longestMs)} ms`,
  ]);
  return [
    `### A new version of a configuration at ${formatCount(agents)} agents`,
    '',
    `From POST until the last agent has reported it as applied, ${VERSIONS} versions:`,
    '',
    markdownTable(['strategy', 'median', 'longest'], rows),
    '',
    `${formatCount(idle)} agents that poll every ${IDLE_INTERVAL_SECONDS} s take ${idleCpuPercent} % of a core of central. ` +
      `At full speed it answers ${formatCount(result.unchangedPerSecond)} times 304 a second, each ${result.unchangedCpuMicroseconds} µs of its processor time, ` +
      `p99 ${result.unchangedP99Ms} ms. It takes ${formatCount(result.reportsPerSecond)} reports a second, ` +
      `and the page of a rollout to all of them takes ${result.pageMedianMs} ms.`,
  ].join('\n');
}
