import { formatBytes, formatCount, markdownTable } from '@rivulet/cli';
import { forgetSnapshots, startCentral } from '../setup/bench-apps';
import { fleetMacAddresses } from '../setup/bench-devices';
import type { BenchRun } from '../setup/bench-run';
import { SimulatedDevice } from '../load/simulated-device';
import { createSourceRows } from '../setup/source-rows';
import { rowsRead, total } from '../measure/rows-read';
import { round } from '../measure/statistics';

const SOURCE = 'fanout_rows';
const AT_ONCE = 50;
/** The other scenarios have ten times the rows: what counts here is how often they are read. */
const ROWS_PART = 10;

/** Many devices of one scope, that have nothing yet, ask for everything and download it. */
export interface FanoutResult {
  devices: number;
  rows: number;
  /** Rows of the source that were read for all devices, by those that were read for one; devices' own rows included. */
  sourceReadRatio: number;
  /** The same of the dataset's table alone. */
  datasetReadRatio: number;
  seconds: number;
  oneDeviceSeconds: number;
  wireBytes: number;
  centralRssMiB: number;
}

export async function benchFanout(run: BenchRun): Promise<FanoutResult> {
  const { pool } = run.servers.central;
  const rows = Math.floor(run.rows / ROWS_PART);
  await createSourceRows(pool, SOURCE, rows);
  try {
    const one = await serve(run, fleetMacAddresses.slice(0, 1));
    run.log(`  one device: ${one.seconds.toFixed(2)} s, ${JSON.stringify(one.reads)}`);
    const all = await serve(run, fleetMacAddresses);
    run.log(`  all devices: ${all.seconds.toFixed(2)} s, ${JSON.stringify(all.reads)}`);
    return {
      devices: fleetMacAddresses.length,
      rows,
      sourceReadRatio: round(total(all.reads) / total(one.reads), 3),
      datasetReadRatio: round(all.reads[SOURCE]! / one.reads[SOURCE]!, 3),
      seconds: round(all.seconds, 2),
      oneDeviceSeconds: round(one.seconds, 2),
      wireBytes: all.wireBytes,
      centralRssMiB: all.centralRssMiB,
    };
  } finally {
    await pool.query(`DROP TABLE ${SOURCE}`);
  }
}

interface Service {
  seconds: number;
  wireBytes: number;
  /** Rows read, by table. */
  reads: Record<string, number>;
  centralRssMiB: number;
}

/** A central that has nothing stored serves these devices. */
async function serve(run: BenchRun, macAddresses: string[]): Promise<Service> {
  const { pool } = run.servers.central;
  const central = await startCentral(run, 'fanout_mirror', SOURCE);
  try {
    await forgetSnapshots(run.servers, SOURCE);
    await run.servers.settle();
    const before = await rowsRead(pool);
    const start = performance.now();
    const wireBytes = await downloadAll(central.url, macAddresses);
    const seconds = (performance.now() - start) / 1000;
    const centralRssMiB = round(central.peakRssMiB, 0);
    // A session tells what it has read at its end, if not before.
    await central.stop();
    const after = await rowsRead(pool);
    const reads = Object.fromEntries(
      Object.entries(after).map(([table, number]) => [table, number - (before[table] ?? 0)]),
    );
    return { seconds, wireBytes, reads, centralRssMiB };
  } finally {
    await central.stop();
  }
}

async function downloadAll(centralUrl: string, macAddresses: string[]): Promise<number> {
  const waiting = [...macAddresses];
  let bytes = 0;
  const work = async (): Promise<void> => {
    for (let mac = waiting.pop(); mac !== undefined; mac = waiting.pop()) {
      const downloaded = await new SimulatedDevice(centralUrl, mac).download();
      bytes += downloaded;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return bytes;
}

export function fanoutTable(result: FanoutResult): string {
  return [
    `### ${formatCount(result.devices)} devices of one scope download ${formatCount(result.rows)} rows, ${AT_ONCE} at once`,
    '',
    markdownTable(
      ['what', 'figure'],
      [
        ['rows read of the source, against those for one device', result.sourceReadRatio],
        ["the same of the dataset's table alone", result.datasetReadRatio],
        ['seconds for all', result.seconds],
        ['seconds for one alone', result.oneDeviceSeconds],
        ['sent', formatBytes(result.wireBytes)],
        ['peak memory of central, MiB', result.centralRssMiB],
      ],
    ),
  ].join('\n');
}
