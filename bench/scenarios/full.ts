import { formatBytes, formatCount, markdownTable } from '@rivulet/cli';
import {
  forgetMirror,
  forgetSnapshots,
  startCentral,
  startEdge,
  syncNow,
  type RunningApp,
  type SyncAnswer,
} from '../setup/bench-apps';
import { jsonInsert } from '../peers/json-insert';
import { measureLiveness } from '../load/liveness';
import { LogicalReplication } from '../peers/logical-replication';
import { rawCopy } from '../peers/raw-copy';
import type { BenchRun } from '../setup/bench-run';
import { createEmptyTable } from '../setup/source-rows';
import { median, percentile, round, timed } from '../measure/statistics';

/** A full, verified sync of one table, against an unverified COPY pipe and others in the same run. */
export interface FullResult {
  rows: number;
  rawBytes: number;
  /** Frames. */
  wireBytes: number;
  wireRatio: number;
  rawCopySeconds: number;
  /** Until the copied rows are committed. */
  logicalReplicationSeconds: number | null;
  /** Until PostgreSQL calls the subscription ready. */
  logicalReplicationReadySeconds: number | null;
  jsonInsertSeconds: number | null;
  /** Central has to read the rows and store their chunks. */
  coldSeconds: number;
  /** Central has the snapshot already. */
  warmSeconds: number;
  coldRatio: number;
  warmRatio: number;
  /** The first sync of both apps, cold, right after their start; no round counts it. */
  firstSeconds: number;
  /** The most that the processes had resident, over all rounds. */
  centralRssMiB: number;
  edgeRssMiB: number;
  /** Latency of GET /health/live while central builds the snapshot. */
  livenessP99Ms: number;
  livenessMaxMs: number;
}

export async function benchFull(run: BenchRun): Promise<FullResult> {
  await createEmptyTable(run.servers.edge.pool, 'raw_target');
  const central = await startCentral(run);
  const edge = await startEdge(run, central.url);
  try {
    const rounds = new FullRounds(run, central, edge);
    await rounds.warmUp();
    for (let number = 1; number <= run.repeat; number += 1) {
      await rounds.next();
      run.log(`  round ${number}: ${rounds.describeLast()}`);
    }
    return rounds.result();
  } finally {
    await edge.stop();
    await central.stop();
    await run.servers.edge.pool.query('DROP TABLE raw_target');
  }
}

/** Every contender once a round, each after a checkpoint. */
class FullRounds {
  private readonly seconds = {
    rawCopy: [] as number[],
    logicalReplication: [] as number[],
    logicalReplicationReady: [] as number[],
    jsonInsert: [] as number[],
    cold: [] as number[],
    warm: [] as number[],
  };
  private firstSeconds = 0;
  private readonly livenessMs: number[] = [];
  private answer: SyncAnswer | undefined;

  constructor(
    private readonly run: BenchRun,
    private readonly central: RunningApp,
    private readonly edge: RunningApp,
  ) {}

  /** V8 compiles what is hot while it runs, and PostgreSQL makes its first files: neither is what is compared. */
  async warmUp(): Promise<void> {
    const { servers, log } = this.run;
    await rawCopy(servers.central.pool, servers.edge.pool, 'raw_target');
    this.firstSeconds = await this.sync();
    await this.sync();
    log(`  first sync after the start of both apps: ${this.firstSeconds.toFixed(2)} s`);
  }

  async next(): Promise<void> {
    const { servers, peers } = this.run;
    const { rawCopy: raw, jsonInsert: json, cold, warm } = this.seconds;
    await servers.settle();
    raw.push(await timed(() => rawCopy(servers.central.pool, servers.edge.pool, 'raw_target')));
    if (peers) {
      const replication = await LogicalReplication.start(servers);
      this.seconds.logicalReplication.push(replication.initialCopySeconds);
      this.seconds.logicalReplicationReady.push(replication.readySeconds);
      await replication.stop();
      await servers.settle();
      json.push(await timed(() => jsonInsert(servers.central.pool, servers.edge.pool, 'raw_target')));
    }
    await forgetSnapshots(servers);
    cold.push(await this.sync());
    warm.push(await this.sync());
    await forgetSnapshots(servers);
    this.livenessMs.push(...(await measureLiveness(this.central)));
  }

  private async sync(): Promise<number> {
    await forgetMirror(this.run.servers);
    await this.run.servers.settle();
    return timed(async () => (this.answer = await syncNow(this.edge, 'applied')));
  }

  describeLast(): string {
    return Object.entries(this.seconds)
      .filter(([, list]) => list.length > 0)
      .map(([contender, list]) => `${contender} ${list.at(-1)!.toFixed(2)} s`)
      .join(', ');
  }

  result(): FullResult {
    const { rawCopy: raw, cold, warm } = this.seconds;
    const ofPeer = (seconds: number[]): number | null => (this.run.peers ? round(median(seconds), 3) : null);
    const floor = median(raw);
    const rawBytes = this.answer!.tables[0]!.bytes;
    const { wireBytes } = this.answer!;
    return {
      rows: this.run.rows,
      rawBytes,
      wireBytes,
      wireRatio: round(wireBytes / rawBytes, 3),
      rawCopySeconds: round(floor, 3),
      logicalReplicationSeconds: ofPeer(this.seconds.logicalReplication),
      logicalReplicationReadySeconds: ofPeer(this.seconds.logicalReplicationReady),
      jsonInsertSeconds: ofPeer(this.seconds.jsonInsert),
      coldSeconds: round(median(cold), 3),
      warmSeconds: round(median(warm), 3),
      coldRatio: round(median(cold) / floor, 2),
      warmRatio: round(median(warm) / floor, 2),
      firstSeconds: round(this.firstSeconds, 3),
      centralRssMiB: round(this.central.peakRssMiB, 0),
      edgeRssMiB: round(this.edge.peakRssMiB, 0),
      livenessP99Ms: round(percentile(this.livenessMs, 0.99), 1),
      livenessMaxMs: round(percentile(this.livenessMs, 1), 1),
    };
  }
}

export function fullTable(result: FullResult): string {
  const row = (what: string, seconds: number | null): [string, string, string][] => {
    if (seconds === null) return [];
    return [[what, seconds.toFixed(2), (seconds / result.rawCopySeconds).toFixed(2)]];
  };
  return [
    `### Full sync of ${formatCount(result.rows)} rows, ${formatBytes(result.rawBytes)} of canonical text`,
    '',
    markdownTable(
      ['what', 'seconds', 'against raw COPY'],
      [
        ...row('raw COPY pipe, nothing verified', result.rawCopySeconds),
        ...row('logical replication, initial copy committed', result.logicalReplicationSeconds),
        ...row('the same, until it is ready', result.logicalReplicationReadySeconds),
        ...row('SELECT, JSON, gzip, parse, multi-row INSERT', result.jsonInsertSeconds),
        ...row('Rivulet, cold: central builds the snapshot', result.coldSeconds),
        ...row('Rivulet, warm: central has the snapshot', result.warmSeconds),
        ...row('Rivulet, cold, the first after both apps have started', result.firstSeconds),
      ],
    ),
    '',
    `On the wire: ${formatBytes(result.wireBytes)} of frames, ${result.wireRatio} of the rows. ` +
      `Peak memory: central ${result.centralRssMiB} MiB, edge ${result.edgeRssMiB} MiB. ` +
      `Liveness of central while it builds: p99 ${result.livenessP99Ms} ms, longest ${result.livenessMaxMs} ms.`,
  ].join('\n');
}
