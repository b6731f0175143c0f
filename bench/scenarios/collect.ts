import { formatBytes, formatCount, markdownTable } from '@rivulet/cli';
import { CollectedNetwork } from '../load/collected-network';
import { CpuMeter, medianCpu, type Cpu } from '../measure/cpu-meter';
import { median, round, timed } from '../measure/statistics';
import {
  forgetMirror,
  forgetSnapshots,
  startCentralWith,
  startEdge,
  syncNow,
  type RunningApp,
} from '../setup/bench-apps';
import { datasetsFile, edgeMacAddress, fleetMacAddresses } from '../setup/bench-devices';
import type { BenchRun } from '../setup/bench-run';
import { CollectionOperator, secondsOf, type CollectedRun } from '../setup/collection-operator';

const NETWORKS = 500;
const ROWS_OF_NETWORK = 200;
const CHANGED_ROWS = 100;
const PAGE_REQUESTS = 20;

/** Rows that come up, against the same rows going down, between the same two apps; and many networks in one run. */
export interface CollectResult {
  rows: number;
  rawBytes: number;
  sentBytes: number;
  /** A full sync, for which central has to read the rows. */
  downSeconds: number;
  upSeconds: number;
  ratio: number;
  /** CPU seconds of one round. */
  downCpu: Cpu;
  upCpu: Cpu;
  /** A run in which nothing has changed. */
  unchangedSeconds: number;
  /** Changed rows of a mirror, here and there. */
  changedRows: number;
  changedRowBytes: number;
  changedSentBytes: number;
  centralRssMiB: number;
  edgeRssMiB: number;
  networks: number;
  rowsOfNetwork: number;
  networksSeconds: number;
  /** How often a network was told to come back later. */
  refusals: number;
  networksRssMiB: number;
  runPageMs: number;
  runListMs: number;
}

export async function benchCollect(run: BenchRun): Promise<CollectResult> {
  const single = await benchOne(run);
  return { ...single, ...(await benchNetworks(run)) };
}

type One = Omit<CollectResult, keyof Many>;
type Many = Pick<
  CollectResult,
  'networks' | 'rowsOfNetwork' | 'networksSeconds' | 'refusals' | 'networksRssMiB' | 'runPageMs' | 'runListMs'
>;

function startCentral(run: BenchRun): Promise<RunningApp> {
  return startCentralWith(run, datasetsFile({ bench_mirror: 'bench_rows' }), {
    CENTRAL_COLLECTION_POLL: '1s',
  });
}

async function benchOne(run: BenchRun): Promise<One> {
  const { servers, log } = run;
  const central = await startCentral(run);
  const edge = await startEdge(run, central.url, {
    EDGE_COLLECT_ALLOW: 'mirrors',
    EDGE_COLLECT_SPOOL: servers.path('collected'),
  });
  try {
    const cpu = new CpuMeter(servers, central, edge);
    const down: number[] = [];
    const downCpu: Cpu[] = [];
    for (let number = 0; number <= run.repeat; number += 1) {
      await forgetSnapshots(servers);
      await forgetMirror(servers);
      await servers.settle();
      const before = await cpu.read();
      down.push(await timed(() => syncNow(edge, 'applied')));
      downCpu.push(await cpu.since(before));
    }
    const operator = new CollectionOperator(central);
    const { devices } = await operator.call<{ devices: { deviceId: string }[] }>(
      'GET',
      `/api/devices?macAddress=${edgeMacAddress}`,
    );
    const networkIds = [devices[0]!.deviceId];
    const up: number[] = [];
    const upCpu: Cpu[] = [];
    let job = '';
    const runs: CollectedRun[] = [];
    for (let number = 0; number <= run.repeat; number += 1) {
      const target_table = `bench_collected_${number}`;
      const schema = {
        name: 'rows',
        sql_command: 'SELECT * FROM bench_mirror',
        mode: 'mirror',
        target_table,
      };
      job = await operator.define(schema, networkIds);
      await servers.settle();
      const before = await cpu.read();
      const collected = await operator.finished(await operator.start(job));
      upCpu.push(await cpu.since(before));
      runs.push(collected);
      up.push(secondsOf(collected));
      log(
        `  ${number === 0 ? 'warm-up' : `round ${number}`}: down ${down[number]!.toFixed(2)} s, up ${up[number]!.toFixed(2)} s`,
      );
    }
    const { rows, bytes, sent_bytes: sentBytes } = runs[0]!;
    const unchanged = await operator.finished(await operator.start(job));
    const changedRowBytes = await changeRows(run);
    const changed = await operator.finished(await operator.start(job));
    // The first of each is a warm-up, as with a full sync.
    const [downSeconds, upSeconds] = [median(down.slice(1)), median(up.slice(1))];
    return {
      rows,
      rawBytes: bytes,
      sentBytes,
      downSeconds: round(downSeconds, 2),
      upSeconds: round(upSeconds, 2),
      ratio: round(upSeconds / downSeconds, 2),
      downCpu: medianCpu(downCpu.slice(1)),
      upCpu: medianCpu(upCpu.slice(1)),
      unchangedSeconds: round(secondsOf(unchanged), 2),
      changedRows: CHANGED_ROWS,
      changedRowBytes,
      changedSentBytes: changed.sent_bytes,
      centralRssMiB: round(central.peakRssMiB, 0),
      edgeRssMiB: round(edge.peakRssMiB, 0),
    };
  } finally {
    await edge.stop();
    await central.stop();
  }
}

/** Changes rows all over the mirror. @returns their size as canonical rows */
async function changeRows({ servers, rows }: BenchRun): Promise<number> {
  const { pool } = servers.edge;
  const step = Math.floor(rows / CHANGED_ROWS);
  const changed = `id % ${step} = 1 AND id <= ${step * CHANGED_ROWS}`;
  await pool.query(`UPDATE bench_mirror SET amount = amount + 1 WHERE ${changed}`);
  const { rows: found } = await pool.query<{ bytes: number }>(
    `SELECT sum(octet_length(bench_mirror::text) - 1)::int AS bytes FROM bench_mirror WHERE ${changed}`,
  );
  return found[0]!.bytes;
}

async function benchNetworks(run: BenchRun): Promise<Many> {
  const central = await startCentral(run);
  try {
    const operator = new CollectionOperator(central);
    const networks = fleetMacAddresses.slice(0, NETWORKS);
    const networkIds: string[] = [];
    for (const macAddress of networks) {
      const device = { name: macAddress, kind: 'edge', macAddress };
      networkIds.push((await operator.call<{ deviceId: string }>('POST', '/api/devices', device)).deviceId);
    }
    const schema = {
      name: 'values',
      sql_command: 'SELECT id, value FROM readings',
      target_table: 'bench_values',
    };
    const job = await operator.define(schema, networkIds);
    const runId = await operator.start(job);
    const taking = networks.map(
      (macAddress) => new CollectedNetwork(central.url, macAddress, ROWS_OF_NETWORK),
    );
    const networksSeconds = await timed(() => Promise.all(taking.map((network) => network.takePart(1_000))));
    const finished = await operator.finished(runId);
    if (finished.rows !== NETWORKS * ROWS_OF_NETWORK)
      throw new Error(`${finished.rows} rows were collected.`);
    return {
      networks: NETWORKS,
      rowsOfNetwork: ROWS_OF_NETWORK,
      networksSeconds: round(networksSeconds, 1),
      refusals: taking.reduce((sum, { refusals }) => sum + refusals, 0),
      networksRssMiB: round(central.peakRssMiB, 0),
      runPageMs: await pageMs(operator, `/api/runs/${runId}`),
      runListMs: await pageMs(operator, `/api/jobs/${job}/runs`),
    };
  } finally {
    await central.stop();
  }
}

async function pageMs(operator: CollectionOperator, path: string): Promise<number> {
  const seconds: number[] = [];
  for (let count = 0; count < PAGE_REQUESTS; count++)
    seconds.push(await timed(() => operator.call('GET', path)));
  return round(median(seconds) * 1_000, 1);
}

function formatCpu({ central, edge, centralServer, edgeServer }: Cpu): string {
  return `central ${central} and its PostgreSQL ${centralServer}, edge ${edge} and ${edgeServer}`;
}

const times = (seconds: number): string => `${seconds.toFixed(2)} s`;

const changedTarget = ({ changedRowBytes }: CollectResult): number => 1.5 * changedRowBytes + 16_000;

export function collectTable(result: CollectResult): string {
  return [
    `### Collection: ${formatCount(result.rows)} rows up, ${formatBytes(result.rawBytes)}`,
    markdownTable(
      ['what', 'measured'],
      [
        ['the same rows down, central reads them anew', times(result.downSeconds)],
        [
          'up, into an empty target (target: ≤ 1.5 ×)',
          `${times(result.upSeconds)}, ${result.ratio} ×, ${formatBytes(result.sentBytes)} sent`,
        ],
        ['CPU seconds of a round down, and up', `${formatCpu(result.downCpu)}; ${formatCpu(result.upCpu)}`],
        ['again, nothing has changed', times(result.unchangedSeconds)],
        [
          `${result.changedRows} changed rows all over a mirror, ${formatBytes(result.changedRowBytes)}`,
          `${formatBytes(result.changedSentBytes)} sent (target: ≤ ${formatBytes(changedTarget(result))})`,
        ],
        [
          'peak RSS, central and edge (target: ≤ 256 MiB)',
          `${result.centralRssMiB} MiB, ${result.edgeRssMiB} MiB`,
        ],
        [
          `${result.networks} networks in one run, ${result.rowsOfNetwork} rows each`,
          `${times(result.networksSeconds)}, told to come back ${result.refusals} times, central ${result.networksRssMiB} MiB`,
        ],
        [
          'the page of that run, the list of runs (target: ≤ 200 ms)',
          `${result.runPageMs} ms, ${result.runListMs} ms`,
        ],
      ],
    ),
  ].join('\n\n');
}
