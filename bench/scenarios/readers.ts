import { setTimeout as delay } from 'node:timers/promises';
import { formatCount, markdownTable } from '@rivulet/cli';
import { startCentral, startEdge, syncNow, type RunningApp } from '../setup/bench-apps';
import { startMirrorReaders, type MirrorReadersResult } from '../load/mirror-readers';
import type { BenchRun } from '../setup/bench-run';
import { changeAllRows } from '../setup/source-rows';
import { median, percentile, round } from '../measure/statistics';

const CONNECTIONS = 4;
const READS_PER_SECOND = 800;
const BASELINE_MS = 3_000;

/** Point reads on a mirror while every row of it is replaced by another. */
export interface ReadersResult {
  rows: number;
  reads: number;
  /** The longest over all rounds. */
  maxWaitMs: number;
  p99Ms: number;
  /** The same without a sync. */
  baselineMaxWaitMs: number;
  baselineP99Ms: number;
  /** Duration of the sync. */
  seconds: number;
  edgeRssMiB: number;
}

export async function benchReaders(run: BenchRun): Promise<ReadersResult> {
  const central = await startCentral(run);
  const edge = await startEdge(run, central.url);
  try {
    await syncNow(edge, 'applied', 'current');
    const quiet: number[] = [];
    const disturbed: number[] = [];
    const seconds: number[] = [];
    for (let number = 1; number <= run.repeat; number += 1) {
      await changeAllRows(run.servers.central.pool);
      await run.servers.settle();
      quiet.push(...(await readDuring(run, () => delay(BASELINE_MS))));
      const start = performance.now();
      const latencies = await readDuring(run, () => resync(run, edge));
      seconds.push((performance.now() - start) / 1000);
      disturbed.push(...latencies);
      run.log(`  round ${number}: longest wait ${percentile(latencies, 1).toFixed(1)} ms`);
    }
    return {
      rows: run.rows,
      reads: disturbed.length,
      maxWaitMs: round(percentile(disturbed, 1), 1),
      p99Ms: round(percentile(disturbed, 0.99), 1),
      baselineMaxWaitMs: round(percentile(quiet, 1), 1),
      baselineP99Ms: round(percentile(quiet, 0.99), 1),
      seconds: round(median(seconds), 3),
      edgeRssMiB: round(edge.peakRssMiB, 0),
    };
  } finally {
    await edge.stop();
    await central.stop();
  }
}

async function resync(run: BenchRun, edge: RunningApp): Promise<void> {
  const { durations, tables } = await syncNow(edge, 'applied');
  run.log(`  table ${tables[0]!.action}: ${JSON.stringify(durations)}`);
}

async function readDuring({ servers, rows }: BenchRun, work: () => Promise<unknown>): Promise<Float64Array> {
  const readers = await startMirrorReaders({
    databaseUrl: servers.edge.url,
    table: 'bench_mirror',
    rows,
    connections: CONNECTIONS,
    perSecond: READS_PER_SECOND,
  });
  let result: MirrorReadersResult | undefined;
  try {
    await work();
  } finally {
    result = await readers.stop();
  }
  if (result.missing > 0) throw new Error(`${result.missing} reads did not find their row.`);
  return result.latencies;
}

export function readersTable(result: ReadersResult): string {
  return [
    `### Point reads on a mirror of ${formatCount(result.rows)} rows, all of which are replaced`,
    '',
    markdownTable(
      ['what', 'p99 ms', 'longest ms'],
      [
        ['no sync', result.baselineP99Ms, result.baselineMaxWaitMs],
        ['during the sync', result.p99Ms, result.maxWaitMs],
      ],
    ),
    '',
    `${formatCount(result.reads)} reads during syncs of ${result.seconds.toFixed(2)} s. Peak memory of the edge: ${result.edgeRssMiB} MiB.`,
  ].join('\n');
}
