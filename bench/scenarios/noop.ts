import { setTimeout as delay } from 'node:timers/promises';
import { formatCount, markdownTable } from '@rivulet/cli';
import { DEVICE_MAC_HEADER } from '@rivulet/protocol';
import { startCentral, type RunningApp } from '../setup/bench-apps';
import { fleetMacAddresses } from '../setup/bench-devices';
import { startHttpLoad, type HttpLoad, type HttpLoadResult } from '../load/http-load';
import type { BenchRun } from '../setup/bench-run';
import { requestBody, SimulatedDevice } from '../load/simulated-device';
import { cpuSecondsOf, cpuSecondsOfServer } from '../measure/process-cpu';
import { percentile, round } from '../measure/statistics';

const CONNECTIONS = 32;
const PER_SECOND = 2_000;
const WARM_UP_MS = 2_000;
const MEASURED_MS = 8_000;
/** Devices that get their first manifest at once. */
const AT_ONCE = 4;

interface LoadFigures {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Answers that were not "current", by HTTP status. */
  refused: Record<string, number>;
  /** CPU time for a thousand answers; unlike the answers a second it says little of what else the machine does. */
  centralCpuMsPerThousand: number;
  postgresCpuMsPerThousand: number;
}

/** Devices ask, and nothing has changed. */
export interface NoopResult extends LoadFigures {
  devices: number;
  connections: number;
  /** The largest answer, with its head and without. */
  responseBytes: number;
  responseBodyBytes: number;
  oneConnection: LoadFigures;
  /** At a steady rate, whether or not earlier answers have come. */
  paced: LoadFigures & { offeredPerSecond: number };
  centralRssMiB: number;
}

export async function benchNoop(run: BenchRun): Promise<NoopResult> {
  const central = await startCentral(run);
  try {
    const requests = await prepareRequests(central, run.log);
    const load = { url: central.url, requests, expected: '"status":"current"' };
    const measured = async (pattern: Pick<HttpLoad, 'connections' | 'perSecond'>) =>
      measureWithCpu({ ...load, ...pattern }, central, run);
    await measure({ ...load, connections: CONNECTIONS }, WARM_UP_MS);
    const full = await measured({ connections: CONNECTIONS });
    const paced = await measured({ connections: CONNECTIONS, perSecond: PER_SECOND });
    const one = await measured({ connections: 1 });
    return {
      devices: requests.length,
      connections: CONNECTIONS,
      responseBytes: full.answerBytes,
      responseBodyBytes: full.bodyBytes,
      ...figuresOf(full),
      oneConnection: figuresOf(one),
      paced: { offeredPerSecond: PER_SECOND, ...figuresOf(paced) },
      centralRssMiB: round(central.peakRssMiB, 0),
    };
  } finally {
    await central.stop();
  }
}

/** Makes the request of each device of the fleet once it has a manifest of its own and holds its tables. */
async function prepareRequests(central: RunningApp, log: BenchRun['log']): Promise<HttpLoad['requests']> {
  log(`  issuing a manifest to each of ${fleetMacAddresses.length} devices`);
  const first = await new SimulatedDevice(central.url, fleetMacAddresses[0]!).adopt();
  const held = { schemaVersion: first.schemaVersion, tables: first.tables };
  const requests: HttpLoad['requests'] = [];
  const waiting = [...fleetMacAddresses];
  const work = async (): Promise<void> => {
    for (let mac = waiting.pop(); mac !== undefined; mac = waiting.pop()) {
      const { manifestId } = await new SimulatedDevice(central.url, mac).adopt(held);
      requests.push({
        method: 'POST',
        path: '/api/device-sync/request',
        headers: { [DEVICE_MAC_HEADER]: mac, 'content-type': 'application/json' },
        body: JSON.stringify(requestBody({ ...held, manifestId }, '{nonce}')),
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return requests;
}

async function measure(load: HttpLoad, forMs: number): Promise<HttpLoadResult> {
  const thread = await startHttpLoad(load);
  await delay(forMs);
  return thread.stop();
}

/** CPU seconds of central and of its PostgreSQL. */
interface Cpu {
  central: number;
  postgres: number;
}

async function measureWithCpu(
  load: HttpLoad,
  central: RunningApp,
  { servers }: BenchRun,
): Promise<HttpLoadResult & { cpu: Cpu }> {
  const read = async (): Promise<Cpu> => ({
    central: cpuSecondsOf(central.pid),
    postgres: await cpuSecondsOfServer(servers.central.pool),
  });
  const before = await read();
  const result = await measure(load, MEASURED_MS);
  const after = await read();
  const cpu = { central: after.central - before.central, postgres: after.postgres - before.postgres };
  return { ...result, cpu };
}

function figuresOf({
  answers,
  seconds,
  latencies,
  refused,
  cpu,
}: HttpLoadResult & { cpu: Cpu }): LoadFigures {
  return {
    requestsPerSecond: round(answers / seconds, 0),
    p50Ms: round(percentile(latencies, 0.5), 2),
    p99Ms: round(percentile(latencies, 0.99), 2),
    maxMs: round(percentile(latencies, 1), 2),
    refused,
    centralCpuMsPerThousand: round((cpu.central * 1e6) / answers, 0),
    postgresCpuMsPerThousand: round((cpu.postgres * 1e6) / answers, 0),
  };
}

export function noopTable(result: NoopResult): string {
  return [
    `### ${formatCount(result.devices)} devices ask, and nothing has changed`,
    '',
    markdownTable(
      [
        'what',
        'requests a second',
        'median ms',
        'p99 ms',
        'longest ms',
        'CPU of central · PostgreSQL, ms for 1,000',
        'refused',
      ],
      [
        noopRow(`${result.connections} connections, as fast as they can`, result),
        noopRow(
          `${result.connections} connections, ${formatCount(result.paced.offeredPerSecond)} a second`,
          result.paced,
        ),
        noopRow('1 connection, as fast as it can', result.oneConnection),
      ],
    ),
    '',
    `An answer has ${result.responseBytes} bytes, ${result.responseBodyBytes} without its head. ` +
      `Peak memory of central: ${result.centralRssMiB} MiB.`,
  ].join('\n');
}

function noopRow(what: string, figures: LoadFigures): (string | number)[] {
  return [
    what,
    formatCount(figures.requestsPerSecond),
    figures.p50Ms,
    figures.p99Ms,
    figures.maxMs,
    `${figures.centralCpuMsPerThousand} · ${figures.postgresCpuMsPerThousand}`,
    Object.values(figures.refused).reduce((sum, number) => sum + number, 0),
  ];
}
